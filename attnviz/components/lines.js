const FLOOR = 0.02;  // thinner lines would only be grey
const ROW = 24, TALLEST = 480;  // pixels; a row as in views.css

export default function ({data: bytes, parentElement, setTriggerValue}) {
  const {data, session, signal, find} = opened(parentElement, bytes);
  const {queries, keys, weight, top} = data, ink = inkOf(data.theme);
  const control = find('.control'), canvas = find('canvas'), readout = find('.readout');
  const height = Math.min(TALLEST, ROW * Math.max(queries.length, keys.length));
  const least = Math.max(data.threshold, FLOOR), links = linksOf(data, least), tokens = {};
  for (const [side, texts] of [['query', queries], ['key', keys]]) {
    tokens[side] = texts.map((text, index) => tokenElement(text, {side, index}, `${side}-${index}`));
    find(`.${side}`).replaceChildren(...tokens[side]);
  }
  const at = (side, index) => tokens[side][Math.max(0, Math.min(index, tokens[side].length - 1))].place;
  const chosen = data.chosen && at(...data.chosen);
  if (chosen) tokens[chosen.side][chosen.index].setAttribute('aria-selected', 'true');
  if (session.active) session.active = at(session.active.side, session.active.index);
  control.style.maxHeight = canvas.style.height = `${height}px`;
  control.setAttribute('aria-label', `${queries.length} tokens and the ${keys.length} tokens they look at. `
    + 'Arrow keys move between tokens and sides, Enter chooses, Escape shows all lines.');
  find('.whose').replaceChildren(...(data.heads ?? []).map(([name, colour]) =>
    Object.assign(document.createElement('span'), {textContent: `— ${name}`, style: `color: ${colour}`})));
  let shown = null;

  function step(place, pressed) {
    const {side, index} = place ?? {side: 'query', index: -1};
    return {ArrowDown: at(side, index + 1), ArrowUp: at(side, index - 1), ArrowLeft: at('query', index),
            ArrowRight: at('key', index), Home: at(side, 0), End: at(side, Infinity)}[pressed];
  }

  function show(place) {
    shown = place;
    for (const token of [...tokens.query, ...tokens.key]) {
      token.classList.remove('active');
      token.removeAttribute('data-weight');
      paint(token, null, ink);
    }
    const most = data.topK ? `at most ${data.topK} from each token; ` : '';
    readout.textContent = place ? inWords(data, place)
      : `${links.length} lines; ${most}weights below ${least} are not drawn.`;
    if (place) light(place);
    draw();
  }

  function light({side, index}) {
    const own = tokens[side][index], from = side === 'query';
    own.classList.add('active');
    own.setAttribute('aria-label', readout.textContent);
    control.setAttribute('aria-activedescendant', own.id);
    tokens[from ? 'key' : 'query'].forEach((token, other) => {
      const value = from ? weight(index, other) : weight(other, index);
      if (value < 0.005) return;
      token.setAttribute('data-weight', value.toFixed(2));
      paint(token, value / top, ink);
    });
    if (!control.matches(':focus')) return;
    const above = index * ROW, below = above + ROW - height;
    control.scrollTop = Math.max(below, Math.min(control.scrollTop, above));
  }

  function draw() {
    const ratio = devicePixelRatio, width = canvas.clientWidth;
    const pen = canvas.getContext('2d'), middle = index => (index + 0.5) * ROW - control.scrollTop;
    Object.assign(canvas, {width: width * ratio, height: height * ratio});
    pen.scale(ratio, ratio);
    for (const [i, j, value] of links) {
      const left = middle(i), right = middle(j);
      if (shown && shown.index !== (shown.side === 'query' ? i : j)) continue;
      if (Math.max(left, right) < 0 || Math.min(left, right) > height) continue;
      pen.strokeStyle = data.heads ? data.heads[data.extra(i, j)][1] : data.theme.accent;
      pen.globalAlpha = Math.min(1, (shown ? 0.25 : 0.06) + value / top);
      pen.lineWidth = 0.75 + 2.5 * value / top;
      pen.beginPath();
      pen.moveTo(0, left);
      pen.bezierCurveTo(width / 2, left, width / 2, right, width, right);
      pen.stroke();
    }
  }

  control.addEventListener('scroll', draw, {signal});
  whenResized(control, signal, draw);
  pickable(control, {session, signal, chosen, step, show,
                     choose: ({side, index}) => setTriggerValue('choice', [side, index])});
  return () => session.ended.abort();
}

/** [query, key, weight] of every line, weakest first, so that the strongest lie on top. */
function linksOf({queries, keys, weight, topK}, least) {
  return queries.flatMap((_, i) => strongest(keys.length, j => weight(i, j), topK ?? keys.length, least)
    .map(j => [i, j, weight(i, j)])).sort((a, b) => a[2] - b[2]);
}
