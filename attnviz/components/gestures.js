/** Mouse and fingers: hover, a tap, one that drags, two that pinch. */
function gestures(canvas, listen, {hover, tap, move}) {
  const down = new Map();  // points, since an event kept beyond its time has another target and so other offsets
  const pointOf = ({offsetX: x, offsetY: y}) => ({x, y});
  let start = null, dragged = false;
  const together = () => {
    const [a, b = a] = down.values();
    return {x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, spread: Math.hypot(a.x - b.x, a.y - b.y) || 1};
  };
  listen('pointerdown', event => {
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, pointOf(event));
    start = together();
    dragged = down.size > 1;
  });
  listen('pointermove', event => {
    if (!down.has(event.pointerId)) return hover(pointOf(event));
    const before = together();
    down.set(event.pointerId, pointOf(event));
    const after = together();
    dragged ||= Math.hypot(after.x - start.x, after.y - start.y) > 4;
    if (dragged) move(before, after);
  });
  listen('pointerup', event => {
    down.delete(event.pointerId);
    if (!dragged) tap(pointOf(event));
  });
  listen('pointercancel', event => down.delete(event.pointerId));
  listen('pointerleave', () => hover(null));
}
