export default function ({data: bytes, parentElement, setTriggerValue}) {
  const {data, session, signal, find} = opened(parentElement, bytes);
  const {weight, top, side, same, glue} = data, ink = inkOf(data.theme);
  const control = find('.control'), other = find('.other'), readout = find('.readout');
  const from = side === 'query', far = from ? 'key' : 'query', texts = {query: data.queries, key: data.keys};
  const own = texts[side].map((text, index) => tokenElement(text, {side, index}, `own-${index}`));
  const painted = same ? own : texts[far].map((text, index) => tokenElement(text, null, `far-${index}`));
  setInLines(control, own, glue[side]);
  setInLines(other, same ? [] : painted, glue[far]);
  const captions = {query: 'From (queries)', key: 'To (keys)'};
  control.dataset.caption = same ? '' : captions[side];
  other.dataset.caption = same ? '' : captions[far];
  const at = index => own[Math.max(0, Math.min(index, own.length - 1))].place;
  const chosen = data.chosen && data.chosen[0] === side ? at(data.chosen[1]) : null;
  if (chosen) own[chosen.index].setAttribute('aria-selected', 'true');
  if (session.active) session.active = at(session.active.index);
  control.setAttribute('aria-label', `The text, ${own.length} tokens. Arrow keys move from token to token and show `
    + `${from ? 'where it looks' : 'who looks at it'}, Enter chooses.`);

  function step(place, pressed) {
    const index = place?.index ?? -1, forward = getComputedStyle(control).direction === 'rtl' ? -1 : 1;
    return {ArrowRight: at(index + forward), ArrowLeft: at(index - forward), ArrowDown: lineAway(index, 1),
            ArrowUp: lineAway(index, -1), Home: at(0), End: at(Infinity)}[pressed];
  }

  function lineAway(index, direction) {
    const here = own[Math.max(0, index)];
    const beyond = own.filter(token => direction * (token.offsetTop - here.offsetTop) > 8);
    const line = beyond.at(direction > 0 ? 0 : -1)?.offsetTop;
    const distance = token => Math.abs(token.offsetLeft - here.offsetLeft);
    const near = beyond.filter(token => Math.abs(token.offsetTop - line) <= 8);
    return near.sort((a, b) => distance(a) - distance(b))[0]?.place;
  }

  function show(place) {
    readout.textContent = place ? inWords(data, place)
      : `Point at a token to see ${from ? 'where it looks' : 'who looks at it'}.`;
    own.forEach(token => token.classList.remove('active'));
    const weightOf = index => from ? weight(place.index, index) : weight(index, place.index);
    const told = new Set(place && strongest(painted.length, weightOf, 5, 0.05));
    painted.forEach((token, index) => {
      paint(token, place && weightOf(index) >= 0.005 ? weightOf(index) / top : null, ink);
      token.title = place ? weightOf(index).toFixed(4) : '';
      if (told.has(index)) token.dataset.weight = weightOf(index).toFixed(2).replace('0.', '.');
      else delete token.dataset.weight;
    });
    if (!place) return;
    const token = own[place.index];
    token.classList.add('active');
    token.setAttribute('aria-label', readout.textContent);
    control.setAttribute('aria-activedescendant', token.id);
    if (control.matches(':focus')) token.scrollIntoView({block: 'nearest'});
  }

  pickable(control, {session, signal, chosen, step, show,
                     choose: ({index}) => setTriggerValue('choice', [side, index])});
  return () => session.ended.abort();
}

/** Tokens as running text: a space between words, a hairline where a token continues its word. */
function setInLines(box, tokens, glued) {
  tokens.forEach((token, index) => token.classList.toggle('glued', glued[index]));
  box.replaceChildren(...tokens.flatMap((token, index) => glued[index] ? [token] : [' ', token]));
}
