const LARGEST_CELL = 48, TALLEST = 600, RIGHT = 28, LINE = 13;  // pixels
const DECADES = 4;  // of the logarithmic scale

export default function ({data: bytes, parentElement, setTriggerValue}) {
  const {data, session, signal, find} = opened(parentElement, bytes);
  const {queries, keys, weight, theme} = data, ink = inkOf(theme), shares = sharesOf(data);
  const canvas = find('canvas'), readout = find('.readout'), pen = canvas.getContext('2d');
  const listen = (name, act) => canvas.addEventListener(name, act, {signal, passive: false});
  const row = index => Math.max(0, Math.min(queries.length - 1, index));
  const column = index => Math.max(0, Math.min(keys.length - 1, index));
  const chosen = data.chosen && [row(data.chosen[0]), column(data.chosen[1])];
  const pictures = new Map(), cellSize = () => plot.fit * session.zoom;
  if (session.shape !== `${queries.length} × ${keys.length}`) {
    Object.assign(session, {shape: `${queries.length} × ${keys.length}`, x: 0, y: 0, zoom: 1, cursor: null});
  }
  let plot, hovered = null;

  function measure() {
    const ratio = devicePixelRatio, font = getComputedStyle(canvas).fontFamily;
    pen.font = `12px ${font}`;
    const longest = tokens => Math.max(...tokens.map(token => pen.measureText(shortened(token)).width));
    const left = Math.ceil(longest(queries)) + 10, top = Math.ceil(0.87 * longest(keys)) + 14;
    const fitting = Math.min((canvas.clientWidth - left - RIGHT) / keys.length, TALLEST / queries.length, LARGEST_CELL);
    const fit = Math.floor(fitting * ratio) / ratio || fitting;  // whole device pixels, where there are enough
    plot = {ratio, font, left, top, fit, width: fit * keys.length, height: fit * queries.length};
    find('.legend').style.maxWidth = `${left + plot.width}px`;
    canvas.style.height = `${Math.ceil(top + plot.height) + 6}px`;
    Object.assign(canvas, {width: canvas.clientWidth * ratio, height: canvas.clientHeight * ratio});
    draw();
  }

  function draw() {
    const {ratio, left, top, width, height} = plot, cell = cellSize();
    session.x = Math.max(0, Math.min(session.x, keys.length - width / cell));
    session.y = Math.max(0, Math.min(session.y, queries.length - height / cell));
    canvas.style.touchAction = session.zoom > 1 ? 'none' : 'pan-y';
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    pen.save();
    pen.beginPath();
    pen.rect(left - 1, top - 1, width + 2, height + 2);
    pen.clip();
    pen.translate(left - session.x * cell, top - session.y * cell);
    const pooled = Math.ceil(1 / (cell * ratio)), picture = pictureOf(pooled);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(picture, 0, 0, picture.width * pooled * cell, picture.height * pooled * cell);
    if (cell >= 8) drawGaps(cell);
    drawLines(cell);
    if (chosen) frame(chosen, theme.alarm, cell);
    if (session.cursor) frame(session.cursor, theme.accent, cell);
    pen.restore();
    const lit = hovered ?? session.cursor ?? chosen;
    Object.assign(pen, {textAlign: 'right', textBaseline: 'middle'});
    drawLabels(queries, session.y, height / cell, lit?.[0], at => pen.translate(left - 6, top + at * cell));
    pen.textAlign = 'left';
    drawLabels(keys, session.x, width / cell, lit?.[1], at => {
      pen.translate(left + at * cell, top - 6);
      pen.rotate(-Math.PI / 3);
    });
    readout.textContent = lit
      ? `${isolated(queries[lit[0]])} → ${isolated(keys[lit[1]])}: ${weight(...lit).toFixed(4)}`
      : 'Point at a cell for its weight. Drag to pan; pinch, Ctrl + wheel, + or − to zoom; double-click for all.';
  }

  /** The matrix a pixel a cell; with `pooled` > 1 the largest of so many cells a side, so that none is lost. */
  function pictureOf(pooled) {
    if (pictures.has(pooled)) return pictures.get(pooled);
    const width = Math.ceil(keys.length / pooled), height = Math.ceil(queries.length / pooled);
    const largest = new Float32Array(width * height), image = new ImageData(width, height);
    shares.forEach((share, n) => {
      const i = Math.floor(n / keys.length), j = n % keys.length;
      const to = Math.floor(i / pooled) * width + Math.floor(j / pooled);
      if (share > largest[to]) largest[to] = share;
    });
    largest.forEach((share, n) => image.data.set([...ink(share), 255], 4 * n));
    const picture = Object.assign(document.createElement('canvas'), {width, height});
    picture.getContext('2d').putImageData(image, 0, 0);
    pictures.set(pooled, picture);
    return picture;
  }

  function drawGaps(cell) {
    pen.fillStyle = theme.page;
    for (let i = 1; i < queries.length; i++) pen.fillRect(0, i * cell - 0.5, keys.length * cell, 1);
    for (let j = 1; j < keys.length; j++) pen.fillRect(j * cell - 0.5, 0, 1, queries.length * cell);
  }

  function drawLines(cell) {
    Object.assign(pen, {strokeStyle: theme.accent, lineWidth: cell < 10 ? 0.75 : 1.5});
    pen.beginPath();
    for (const [[top, left], [bottom, right]] of data.lines) {
      pen.moveTo(left * cell, top * cell);
      pen.lineTo(right * cell, bottom * cell);
    }
    pen.stroke();
  }

  function frame([i, j], colour, cell) {
    const side = Math.max(cell, 7), middle = index => (index + 0.5) * cell - side / 2;
    Object.assign(pen, {strokeStyle: colour, lineWidth: 2});
    pen.strokeRect(middle(j), middle(i), side, side);
  }

  /** As many labels of one axis as there is room for, and always the lit one. */
  function drawLabels(tokens, first, count, lit, moveTo) {
    const every = Math.ceil(LINE / cellSize());
    for (let i = Math.ceil(first - 0.5); i < Math.min(tokens.length, first + count - 0.4); i++) {
      if (i !== lit && (i % every || Math.abs(i - lit) < every)) continue;
      pen.save();
      moveTo(i + 0.5 - first);
      pen.font = `${i === lit ? '600 ' : ''}12px ${plot.font}`;
      pen.fillStyle = i === lit ? theme.text : theme.faint;
      pen.fillText(shortened(tokens[i]), 0, 0);
      pen.restore();
    }
  }

  function cellAt(point) {
    const x = point.x - plot.left, y = point.y - plot.top, cell = cellSize();
    if (x < 0 || y < 0 || x >= plot.width || y >= plot.height) return null;
    return [row(Math.floor(session.y + y / cell)), column(Math.floor(session.x + x / cell))];
  }

  /** Zoom by a factor; what is at this point of the plot stays there. */
  function zoom(factor, x, y) {
    const before = cellSize();
    session.zoom = Math.max(1, Math.min(session.zoom * factor, Math.max(1, LARGEST_CELL / plot.fit)));
    const after = cellSize();
    session.x += x / before - x / after;
    session.y += y / before - y / after;
  }

  function zoomAtCursor(factor) {
    const [i, j] = session.cursor, cell = cellSize();
    zoom(factor, (j + 0.5 - session.x) * cell, (i + 0.5 - session.y) * cell);
    draw();
  }

  const reset = () => { Object.assign(session, {x: 0, y: 0, zoom: 1}); draw(); };
  const choose = () => setTriggerValue('choice', session.cursor);

  function moveCursor(down, right) {
    const i = row(session.cursor[0] + down), j = column(session.cursor[1] + right), cell = cellSize();
    session.cursor = [i, j];
    session.x = Math.max(j + 1 - plot.width / cell, Math.min(session.x, j));
    session.y = Math.max(i + 1 - plot.height / cell, Math.min(session.y, i));
    hovered = null;
    draw();
  }

  const pressed = {
    ArrowDown: () => moveCursor(1, 0), ArrowUp: () => moveCursor(-1, 0), ArrowRight: () => moveCursor(0, 1),
    ArrowLeft: () => moveCursor(0, -1), PageDown: () => moveCursor(10, 0), PageUp: () => moveCursor(-10, 0),
    Home: () => moveCursor(0, -Infinity), End: () => moveCursor(0, Infinity), '0': reset, Escape: reset,
    '+': () => zoomAtCursor(1.5), '=': () => zoomAtCursor(1.5), '-': () => zoomAtCursor(1 / 1.5),
    Enter: choose, ' ': choose,
  };
  listen('keydown', event => {
    if (!pressed[event.key] || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    session.cursor ??= chosen ?? [0, 0];
    pressed[event.key]();
  });
  listen('focus', () => { session.cursor ??= hovered ?? chosen ?? [0, 0]; draw(); });
  listen('blur', () => { session.cursor = null; draw(); });
  listen('wheel', event => {
    if (!event.ctrlKey && !canvas.matches(':focus')) return;  // the page scrolls
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 300), event.offsetX - plot.left, event.offsetY - plot.top);
    draw();
  });
  listen('dblclick', reset);

  gestures(canvas, listen, {
    hover: point => { hovered = point && cellAt(point); draw(); },
    tap: point => {
      if (!cellAt(point)) return;
      session.cursor = cellAt(point);
      choose();
    },
    move: (before, after) => {
      zoom(after.spread / before.spread, before.x - plot.left, before.y - plot.top);
      session.x -= (after.x - before.x) / cellSize();
      session.y -= (after.y - before.y) / cellSize();
      draw();
    },
  });

  const legend = find('.legend'), [lowest, highest] = legend.querySelectorAll('span');
  legend.style.setProperty('--gradient', theme.ink.map((colour, n) => `${colour} ${100 * theme.stops[n]}%`).join());
  lowest.textContent = data.scale === 'log' ? `≤ ${data.top / 10 ** DECADES}` : '0';
  highest.textContent = data.scale === 'row' ? 'the row’s largest' : String(data.top);
  canvas.setAttribute('aria-label', `Attention weights, ${queries.length} queries down and ${keys.length} keys across. `
    + 'Arrow keys move from cell to cell, Enter chooses one, + and − zoom, 0 shows all.');
  whenResized(readout, signal, measure);
  measure();
  return () => session.ended.abort();
}

/** How much of the ink each cell gets, row by row. */
function sharesOf({queries, keys, weight, scale, top}) {
  const shares = new Float32Array(queries.length * keys.length);
  queries.forEach((_, i) => {
    let largest = scale === 'row' ? 0 : top;
    if (scale === 'row') keys.forEach((_, j) => { largest = Math.max(largest, weight(i, j)); });
    keys.forEach((_, j) => {
      const share = largest && weight(i, j) / largest;
      shares[i * keys.length + j] = scale === 'log' ? Math.max(0, 1 + Math.log10(share) / DECADES) : share;
    });
  });
  return shares;
}

const shortened = token => token.length > 14 ? `${[...token].slice(0, 13).join('')}…` : token;
