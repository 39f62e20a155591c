// The address follows the state. A browser takes only so many addresses in a while (Chromium 200 in 10 s, Safari 100 in
// 30 s): a long drag leaves some out, but never the last one.

const AT_ONCE = 40, PAUSE = 700;  // milliseconds, after which one more may follow

function addressBar() {
  let left = AT_ONCE, before = performance.now(), later = null;
  return function write(text) {
    clearTimeout(later);
    const now = performance.now();
    left = Math.min(AT_ONCE, left + (now - before) / PAUSE);
    before = now;
    if (left < 1) {
      later = setTimeout(() => write(text), PAUSE);
      return;
    }
    left -= 1;
    try { history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search); }
    catch { /* a page inside another one may have no address */ }
  };
}
