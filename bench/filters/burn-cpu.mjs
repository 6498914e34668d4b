/** Keeps its thread busy for 50 ms per request: what a filter must not do, and some do. */
export default {
  name: 'burn-cpu',
  requestFilter() {
    const endMs = performance.now() + 50
    while (performance.now() < endMs);
  },
}
