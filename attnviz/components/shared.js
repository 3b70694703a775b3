const sessions = new WeakMap();  // what a view remembers from one run of the script to the next

/** The view at hand: its data, its memory, and a signal that ends the listeners of the run before. */
function opened(parentElement, bytes) {
  const session = sessions.get(parentElement) ?? {};
  session.ended?.abort();
  session.ended = new AbortController();
  sessions.set(parentElement, session);
  const data = unpacked(bytes), root = parentElement.querySelector('.view');
  for (const [name, value] of Object.entries(data.theme)) root.style.setProperty(`--${name}`, value);
  return {data, session, signal: session.ended.signal, find: selector => root.querySelector(selector)};
}

function whenResized(element, signal, act) {
  const watcher = new ResizeObserver(act);
  watcher.observe(element);
  signal.addEventListener('abort', () => watcher.disconnect());
}

/** A JSON header with its length before it, one 16-bit level a weight, row by row, and what else a view is sent. */
function unpacked(bytes) {
  const start = 4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, start)));
  const columns = header.keys.length, end = start + 2 * header.queries.length * columns;
  const levels = new Uint16Array(bytes.slice(start, end).buffer), rest = bytes.subarray(end);
  return {...header, weight: (i, j) => levels[i * columns + j] * header.step, extra: (i, j) => rest[i * columns + j]};
}

/** From a share of all the ink, 0 to 1, to [red, green, blue]. */
function inkOf({ink, stops}) {
  const colours = ink.map(hex => [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16)));
  return share => {
    const next = Math.max(1, stops.findIndex(stop => stop >= share));
    const part = (share - stops[next - 1]) / (stops[next] - stops[next - 1]);
    return colours[next].map((to, c) => Math.round(colours[next - 1][c] + part * (to - colours[next - 1][c])));
  };
}

const bright = ([red, green, blue]) => 0.299 * red + 0.587 * green + 0.114 * blue > 118;  // dark text reads better

/** Ink behind a token, its text turned to paper where the ink is strong; a share of null takes both away. */
function paint(token, share, ink) {
  const colour = share === null ? null : ink(share);
  token.style.backgroundColor = colour ? `rgb(${colour})` : '';
  token.style.color = colour && bright(colour) !== bright(ink(0)) ? 'var(--page)' : '';
}

/** The indices of the largest of n weights, largest first; at most `limit` of them, and none below `least`. */
function strongest(n, weightOf, limit, least) {
  const passing = [];
  for (let i = 0; i < n; i++) if (weightOf(i) >= least) passing.push(i);
  return passing.sort((a, b) => weightOf(b) - weightOf(a)).slice(0, limit);
}

const isolated = token => `\u2068${token}\u2069`;  // so that a right-to-left token turns nothing around it

/** "she → Lily 0.4213 · and 0.3107": the five largest weights of a token's row, or of its column. */
function inWords({queries, keys, weight}, {side, index}) {
  const from = side === 'query', own = from ? queries : keys, others = from ? keys : queries;
  const weightOf = other => from ? weight(index, other) : weight(other, index);
  const five = strongest(others.length, weightOf, 5, 0.00005);
  const list = five.map(other => `${isolated(others[other])} ${weightOf(other).toFixed(4)}`).join(' · ');
  return `${isolated(own[index])} ${from ? '→' : '←'} ${list || 'nothing'}`;
}

/** A token on the page; its place {side, index} is what the pointer finds, null if it cannot be picked. */
function tokenElement(text, place, id) {
  const token = document.createElement('span');
  return Object.assign(token, {className: 'token', textContent: text, place, id, role: place ? 'option' : null});
}

/** Tokens as one control: the pointer or the arrows make one active, a click or Enter chooses it, Esc lets go. */
function pickable(control, {session, signal, chosen, step, show, choose}) {
  const listen = (name, act) => control.addEventListener(name, act, {signal});
  const activate = place => { session.active = place; show(place); };
  const rest = () => { session.active = null; show(chosen); };
  listen('pointermove', ({target}) => {  // which, unlike pointerover, a page that scrolls under it does not send
    if (target.place && target.place !== session.active) activate(target.place);
  });
  listen('pointerleave', rest);
  listen('blur', rest);
  listen('focus', () => activate(session.active ?? chosen ?? step(null, 'Home')));
  listen('click', ({target}) => {
    if (!target.place) return;
    activate(target.place);
    choose(target.place);
  });
  listen('keydown', event => {
    const next = step(session.active ?? chosen, event.key);
    if (event.key === 'Escape') activate(null);
    else if ((event.key === 'Enter' || event.key === ' ') && session.active) choose(session.active);
    else if (next) activate(next);
    else return;
    event.preventDefault();
  });
  show(session.active ?? chosen);
}
