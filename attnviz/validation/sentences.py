"""The ten sentences that a model is certified on when none are given: repeats, digits, quotes, many scripts."""

SENTENCES = (
    "The cat sat on the mat.",
    "Lily saw a big dog, and the dog saw Lily.",
    "Although it rained all day, the children played in the garden.",
    "She gave him the book that he had lost last summer.",
    "one two three four one two three four one two three four",
    '"Stop!" he cried, but nobody was listening any more.',
    "In 1905, 3 + 4 = 7 and 12 x 12 = 144.",
    "def add(a, b):\n\treturn a + b",
    "Où est la gare ? Das weiß ich nicht. ¿Y tú?",
    "你好，世界 · مرحبا بالعالم · 👩‍🚀",
)
