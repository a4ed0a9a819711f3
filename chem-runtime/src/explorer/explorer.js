// Shows what happens to a run while it goes on: asks for the page again whenever the log has news. A page that is not in
// sight does not ask, since a browser opens only a few connections to one server.

const follow = (main) => {
  if (document.hidden) {
    document.addEventListener("visibilitychange", () => follow(main), { once: true });
    return;
  }
  const source = new EventSource(main.dataset.live);
  const stop = () => {
    source.close();
    document.removeEventListener("visibilitychange", pause);
  };
  const pause = () => {
    stop();
    follow(main);
  };
  document.addEventListener("visibilitychange", pause);
  source.onmessage = async () => {
    stop();
    const focused = document.activeElement?.getAttribute("href");
    const answer = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
    if (!answer?.ok) {
      setTimeout(() => follow(main), 2000);
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.querySelector("main");
    document.title = page.title;
    main.replaceWith(next);
    if (focused) next.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    if (next.dataset.live) follow(next);
  };
};

const live = document.querySelector("main[data-live]");
if (live) follow(live);
