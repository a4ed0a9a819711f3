// Shows what happens to a run while it goes on: asks for the page again whenever the log has news.

const follow = (main) => {
  const source = new EventSource(main.dataset.live);
  let waiting = false;
  source.onmessage = async () => {
    // News that come while the page is on its way are on it, or follow it.
    if (waiting) return;
    waiting = true;
    source.close();
    const focused = document.activeElement?.getAttribute("href");
    const answer = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
    if (!answer?.ok) return setTimeout(() => follow(main), 2000);
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
