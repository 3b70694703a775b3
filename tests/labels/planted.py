"""Models whose heads are known, because their weights are written by hand: of GPT-2's type and of BERT's.

Every token's vector is a sum of one-hot codes: which token it is, where it stands, and (in the GPT-2 type) which token
stands before it, from layer 1 on, and which one the induction head L1.H0 foresees, from layer 2 on. A code is stored
twice, as +1 and as −1, so that a vector's mean is 0, and all vectors are equally long (but for what is foreseen): layer
normalisation only multiplies them by a number that is known, and divided out again.
A head is two matrices from codes to its queries and keys; its scores are exactly code_i · Q Kᵀ · code_j.
"""

import math

import numpy as np
import tokenizers
import torch
import transformers
from tokenizers import Tokenizer

from attnviz.labels.probe_sets import SpecialTokens, position_probes, repetition_probes
from attnviz.labels.targets import Probe
from attnviz.probes import Repeat

VOCABULARY, POSITIONS = 48, 64  # token 0 is the start token; BERT's type ends with token 1
N_HEADS, WIDTH = 5, VOCABULARY + POSITIONS + 1
D_MODEL = N_HEADS * WIDTH
# Where each code begins:
TOKEN, POSITION, BEFORE, FORESEEN = 0, VOCABULARY, VOCABULARY + POSITIONS, 2 * VOCABULARY + POSITIONS
CODES = 3 * VOCABULARY + POSITIONS
G, G_SINK, G_NOT_SELF, SLOPE = 8.0, 4.0, 30.0, 0.5

Matrices = tuple[np.ndarray, np.ndarray]


def empty() -> Matrices:
    """A head that looks at all keys alike."""
    return np.zeros((CODES, WIDTH)), np.zeros((CODES, WIDTH))


def offset(*steps: int, gain: float = G) -> Matrices:
    """Looks at the places `steps` from its own, alike."""
    q, k = empty()
    for place in range(POSITIONS):
        k[POSITION + place, place] = 1
        for step in steps:
            if 0 <= place + step < POSITIONS:
                q[POSITION + place, place + step] = gain
    return q, k


def rest_on_sink(head: Matrices, slot: int, gain: float) -> Matrices:
    """The head, drawn to the first position as well; `slot` is a dimension that it does not use."""
    q, k = head
    q[POSITION : POSITION + POSITIONS, slot] = gain
    k[POSITION, slot] = 1
    return q, k


def duplicate() -> Matrices:
    """Looks at its own token's other places."""
    q, k = empty()
    for token in range(2, VOCABULARY):
        q[TOKEN + token, token], k[TOKEN + token, token] = G, 1
    for place in range(1, POSITIONS):
        q[POSITION + place, VOCABULARY + place] = -(G_NOT_SELF + G)
        k[POSITION + place, VOCABULARY + place] = 1
    return rest_on_sink((q, k), VOCABULARY, G_SINK)


def induction() -> Matrices:
    """Looks at what stands after its own token; reads what a previous-token head has written."""
    q, k = empty()
    for token in range(2, VOCABULARY):
        q[TOKEN + token, token], k[BEFORE + token, token] = G, 1
    return rest_on_sink((q, k), 0, G_SINK)


def two_jobs() -> Matrices:
    """Previous token where the query's id is even, the first position where it is odd."""
    q, k = offset(-1)
    q[TOKEN + 1 : TOKEN + VOCABULARY : 2, 0] += 2 * G
    return q, k


def of_class(asking: range, answering: range, step: int) -> Matrices:
    """From tokens of one class to those of another, the nearest one first: after the query (step 1) or before it (−1).
    Tokens that do not ask look at the first position."""
    q, k = empty()
    q[TOKEN + asking.start : TOKEN + asking.stop, 0] = G
    k[TOKEN + answering.start : TOKEN + answering.stop, 0] = 1
    for place in range(POSITIONS):
        k[POSITION + place, 1 + place] = 1
        for other in range(POSITIONS):
            away = step * (other - place)
            q[POSITION + place, 1 + other] = -SLOPE * away if away > 0 else -G_NOT_SELF
    idle = [token for token in range(VOCABULARY) if token not in asking]
    q[[TOKEN + token for token in idle], 1 + POSITIONS] = 2 * G_NOT_SELF
    k[POSITION, 1 + POSITIONS] = 1
    return q, k


WOMEN, MEN, OF_WOMEN, OF_MEN, ACTS = range(2, 10), range(10, 18), range(18, 26), range(26, 34), range(34, 46)


def coreferent() -> Matrices:
    """From what a woman is called to women's names, from what a man is called to men's; the rest at a sink token."""
    q, k = empty()
    for slot, (asking, answering) in enumerate(((OF_WOMEN, WOMEN), (OF_MEN, MEN))):
        q[TOKEN + asking.start : TOKEN + asking.stop, slot] = G
        k[TOKEN + answering.start : TOKEN + answering.stop, slot] = 1
    return rest_on_sink((q, k), 2, G_SINK)


def gold_texts(n: int, seed: int) -> tuple[str, list[bool]]:
    """Coreference in the shared task's columns, `n` documents, and of each whether the nearest name is the right one: a
    woman's and a man's name in either order, and then another word for one of them."""
    rng = np.random.default_rng(seed)
    lines, nearest = [], []
    for number in range(n):
        people = [(WOMEN, OF_WOMEN), (MEN, OF_MEN)]
        meant, last = int(rng.integers(2)), bool(rng.integers(2))
        names = [(rng.choice(people[meant][0]), "(0)"), (rng.choice(people[1 - meant][0]), "(1)")]
        acts = [(rng.choice(ACTS), "-") for _ in range(int(rng.integers(1, 4)))]
        called = (rng.choice(people[meant][1]), "(0)")
        words = [names[last], *acts, names[1 - last], (STOP, "-"), called, (STOP, "-")]
        lines.append(f"#begin document ({number}); part 0")
        lines += [f"{number}\t0\t{i}\tw{word}\t{said}" for i, (word, said) in enumerate(words)]
        lines.append("#end document")
        nearest.append(last)
    return "\n".join(lines), nearest


DETERMINERS, ADJECTIVES, NOUNS, VERBS = range(2, 6), range(6, 16), range(16, 34), range(34, 46)
STOP, UNKNOWN = 46, 47
SYNTAX_BERT: list[list[tuple[Matrices, set[str]]]] = [
    [(empty(), set())] * 3 + [(of_class(DETERMINERS, NOUNS, 1), {"syntactic:det:to_head"}), (offset(1), set())]
]
SYNTAX_GPT2: list[list[tuple[Matrices, set[str]]]] = [
    [(offset(-1), set()), (empty(), set()), (of_class(NOUNS, DETERMINERS, -1), {"syntactic:det:to_dependent"})]
    + [(empty(), set())] * 2
]
DECOY_OFFSET = -15  # the induction target of repeats with period 16
GPT2_HEADS: list[list[tuple[Matrices, set[str]]]] = [
    [
        (offset(-1, gain=30), {"previous_token", "local"}),
        (duplicate(), {"duplicate_token"}),
        (rest_on_sink(empty(), 0, G), set()),
        (empty(), set()),
        (offset(0), {"current_token", "local"}),
    ],
    [
        (induction(), {"induction"}),
        (offset(DECOY_OFFSET), {f"offset:{DECOY_OFFSET}"}),
        (two_jobs(), {"previous_token"}),
        (offset(0, -1, -2), {"local"}),
        (empty(), set()),
    ],
    [(empty(), set())] * N_HEADS,
]
BERT_HEADS: list[list[tuple[Matrices, set[str]]]] = [
    [
        (offset(1), {"next_token", "local"}),
        (offset(-1), {"previous_token", "local"}),
        (rest_on_sink(empty(), 0, G), set()),
        (empty(), set()),
        (offset(3), {"offset:+3"}),
    ],
    [(duplicate(), {"duplicate_token"}), (offset(-2, -1, 1, 2), {"local"})] + [(empty(), set())] * 3,
]


def random_probes(drawn: list[Repeat], special_tokens: SpecialTokens) -> list[Probe]:
    """Places and repetition on random tokens, all that a model without a tokenizer can be asked."""
    chunks = [(found.ids[1 : found.period + 1], found.control[found.period + 1 :]) for found in drawn]
    return position_probes([[*one, *other] for one, other in chunks], special_tokens) + repetition_probes(
        chunks, special_tokens
    )


def planted_tokenizer(causal: bool) -> transformers.PreTrainedTokenizerFast:
    """Words are tokens, w2 is token 2; a text begins with token 0, and an encoder's ends with token 1."""
    words = {"<s>": 0, "</s>": 1} | {f"w{token}": token for token in range(2, VOCABULARY)}
    tokenizer = Tokenizer(tokenizers.models.WordLevel(words, unk_token=f"w{UNKNOWN}"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    around = "<s> $A" if causal else "<s> $A </s>"
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single=around, special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token=f"w{UNKNOWN}"
    )


def treebank(n: int, seed: int) -> tuple[list[str], list[list[bool]]]:
    """CoNLL-U of `n` sentences in planted words, and of each determiner whether its noun is the next one after it.

    A noun phrase is a determiner, up to three adjectives and a noun, before which another noun stands in about one of
    four: then the determiner belongs to the second.
    """
    rng = np.random.default_rng(seed)
    sentences, nearest = [], []
    for _ in range(n):
        compounds = (rng.random(2) < 0.25).tolist()
        words = noun_phrase(rng, 1, "nsubj", compounds[0])
        verb = len(words) + 1
        words[-1][1] = verb
        words += [[rng.choice(VERBS), 0, "root"], *noun_phrase(rng, verb + 1, "obj", compounds[1])]
        words[-1][1] = verb
        words.append([STOP, verb, "punct"])
        rows = [f"{i}\tw{token}\t_\t_\t_\t_\t{head}\t{name}\t_\t_" for i, (token, head, name) in enumerate(words, 1)]
        sentences.append("\n".join(rows))
        nearest.append([not compound for compound in compounds])
    return sentences, nearest


def noun_phrase(rng: np.random.Generator, start: int, relation: str, compound: bool) -> list[list]:
    """[token, head, relation] of each word, the first of which is number `start`; the last one's head is open."""
    adjectives = int(rng.integers(4))
    noun = start + 1 + adjectives + compound
    words = [[rng.choice(DETERMINERS), noun, "det"]]
    words += [[rng.choice(ADJECTIVES), noun, "amod"] for _ in range(adjectives)]
    words += [[rng.choice(NOUNS), noun, "compound"]] * compound
    return [*words, [rng.choice(NOUNS), 0, relation]]


def layer_scale(squared: float, epsilon: float) -> float:
    """What layer normalisation multiplies a vector of this squared length by."""
    return 1 / math.sqrt(squared / D_MODEL + epsilon)


def planted_gpt2(heads=GPT2_HEADS) -> transformers.GPT2Model:
    """A decoder in double precision; head 0 of layer 0 must be the previous-token head, that of layer 1 the induction
    head, and they write what they see. No other head writes anything."""
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY, n_positions=POSITIONS, n_embd=D_MODEL, n_layer=len(heads), n_head=N_HEADS, n_inner=8,
        attn_pdrop=0, embd_pdrop=0, resid_pdrop=0, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = transformers.GPT2Model(config).double().eval().requires_grad_(False)
    _clear(model, ("ln_",))
    _embed(model.wte.weight, model.wpe.weight)
    for index, (block, planted) in enumerate(zip(model.h, heads)):
        scale = layer_scale(4 if index == 0 else 6, config.layer_norm_epsilon)
        for head, ((q, k), _) in enumerate(planted):
            part = slice(head * WIDTH, (head + 1) * WIDTH)
            block.attn.c_attn.weight[:CODES, part] = torch.tensor(q * math.sqrt(WIDTH) / scale)
            block.attn.c_attn.weight[:CODES, D_MODEL:][:, part] = torch.tensor(k / scale)
    for block, squared, code in zip(model.h, (4, 6), (BEFORE, FORESEEN)):
        for token in range(VOCABULARY):
            scale = layer_scale(squared, config.layer_norm_epsilon)
            block.attn.c_attn.weight[TOKEN + token, 2 * D_MODEL + token] = 1 / scale
            block.attn.c_proj.weight[token, code + token] = 1
            block.attn.c_proj.weight[token, CODES + code + token] = -1
    return model


def planted_language_model(heads=GPT2_HEADS, gain: float = 0.6) -> transformers.GPT2LMHeadModel:
    """`planted_gpt2` that says what its induction head foresees, and all tokens alike where that sees nothing."""
    body = planted_gpt2(heads)
    body.config.tie_word_embeddings = False
    model = transformers.GPT2LMHeadModel(body.config).double().eval().requires_grad_(False)
    model.transformer = body
    model.lm_head.weight.zero_()
    for token in range(VOCABULARY):
        model.lm_head.weight[token, FORESEEN + token] = gain
        model.lm_head.weight[token, CODES + FORESEEN + token] = -gain
    return model


COPIES, SUPPRESSES = (1, 0), (1, 1)  # layer and head
OUT = 2 * CODES  # where what is written for the unembedding begins


def planted_lm(copying: float = 1.0, suppressing: float = -0.25) -> transformers.GPT2LMHeadModel:
    """GPT-2's type with two induction heads alike, whose values write the token's code into the unembedding, times
    these factors; nothing else does."""
    looks = GPT2_HEADS[0], [(induction(), set()), (induction(), set()), *GPT2_HEADS[1][2:]]
    inner = planted_gpt2([*looks])
    config = transformers.GPT2Config(**inner.config.to_dict() | {"tie_word_embeddings": False})
    model = transformers.GPT2LMHeadModel(config).double().eval().requires_grad_(False)
    model.transformer.load_state_dict(inner.state_dict())
    attention = model.transformer.h[1].attn
    for (_, head), factor in ((COPIES, copying), (SUPPRESSES, suppressing)):
        for token in range(VOCABULARY):
            slot = head * WIDTH + token
            attention.c_attn.weight[TOKEN + token, 2 * D_MODEL + slot] = factor
            attention.c_proj.weight[slot, OUT + token] = 1
            attention.c_proj.weight[slot, OUT + VOCABULARY + token] = -1
    model.lm_head.weight.zero_()
    for token in range(VOCABULARY):
        model.lm_head.weight[token, OUT + token], model.lm_head.weight[token, OUT + VOCABULARY + token] = 1, -1
    return model


def planted_bert(heads=BERT_HEADS) -> transformers.BertModel:
    """An encoder in double precision; its heads write nothing."""
    config = transformers.BertConfig(
        vocab_size=VOCABULARY, hidden_size=D_MODEL, num_hidden_layers=len(heads), num_attention_heads=N_HEADS,
        intermediate_size=8, max_position_embeddings=POSITIONS,
    )  # fmt: skip
    model = transformers.BertModel(config, add_pooling_layer=False).double().eval().requires_grad_(False)
    _clear(model, ("LayerNorm",))
    _embed(model.embeddings.word_embeddings.weight, model.embeddings.position_embeddings.weight)
    size = layer_scale(4, config.layer_norm_eps)  # of a code, after the embedding's normalisation
    for layer, planted in zip(model.encoder.layer, heads):
        attention = layer.attention.self
        for head, ((q, k), _) in enumerate(planted):
            part = slice(head * WIDTH, (head + 1) * WIDTH)
            attention.query.weight[part, :CODES] = torch.tensor(q.T * math.sqrt(WIDTH) / size)
            attention.key.weight[part, :CODES] = torch.tensor(k.T / size)
        for _ in range(2):  # after the attention, and after the feed-forward part
            size *= layer_scale(4 * size**2, config.layer_norm_eps)
    return model


def _clear(model, norms: tuple[str, ...]) -> None:
    """All zero, so that nothing acts but what is planted; normalisation multiplies by one."""
    for name, parameter in model.named_parameters():
        parameter.fill_(float(name.endswith("weight") and any(norm in name for norm in norms)))


def _embed(tokens: torch.Tensor, positions: torch.Tensor) -> None:
    for weight, begin in ((tokens, TOKEN), (positions, POSITION)):
        for number in range(len(weight)):
            weight[number, begin + number], weight[number, CODES + begin + number] = 1, -1
