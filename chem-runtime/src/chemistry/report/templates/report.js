// Makes an instrument of the page: searches, sorts, filters, groups, plots, enlarges and saves the molecules that it
// shows. The page has them all without this script, which loads nothing and keeps nothing.
"use strict";
(() => {
  const { columns, rows, group } = JSON.parse(document.getElementById("data").content.textContent);
  if (rows.length === 0) return;

  const section = document.getElementById("molecules");
  const grid = section.querySelector(".grid");
  const cards = [];
  for (const card of grid.querySelectorAll(".card")) cards[card.dataset.row] = card;

  const [NAME, SMILES] = [0, 1];
  const isNumber = (column) => columns[column].type === "integer" || columns[column].type === "float";
  const all = [...columns.keys()];
  // The columns that a step computed come before those that every table of molecules has.
  const numeric = [...all.filter((column) => column > 2), 2].filter(isNumber);

  // ---- What is shown
  const selected = new Set();
  const ranges = new Map();
  const state = { text: "", sort: -1, descending: false, group: group ?? -1 };
  let order = [...rows.keys()];
  let shown = order;
  let headings = [];

  /** Returns an element with these properties and children. */
  function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name in element) element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  /** Returns an element of a drawing. */
  function draw(tag, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  /** Replaces characters that are invisible or change the direction of the text around them, as the page does. */
  function visible(text) {
    return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
  }

  function nameOf(row) {
    const name = rows[row][NAME];
    return name === null || name.trim() === "" ? rows[row][SMILES] : name;
  }

  /** Returns a number without loss: a script has no whole numbers above 2^53. */
  function numberOf(text) {
    const number = Number(text);
    return /^-?\d+$/.test(text) && !Number.isSafeInteger(number) ? BigInt(text) : number;
  }

  const known = new Map();

  /** Returns the values of a column, for comparisons. A missing one is null. */
  function valuesOf(column) {
    if (!known.has(column)) {
      const read = isNumber(column) ? numberOf : (text) => text;
      known.set(column, rows.map((cells) => (cells[column] === null ? null : read(cells[column]))));
    }
    return known.get(column);
  }

  const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);

  /** Sorts rows by the chosen column. Rows without a value come last; equal ones keep their order. */
  function sorted() {
    const found = [...rows.keys()];
    if (state.sort < 0) return found;
    const values = valuesOf(state.sort);
    const sign = state.descending ? -1 : 1;
    return found.sort((one, other) => {
      const [a, b] = [values[one], values[other]];
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * compare(a, b);
    });
  }

  /** Groups sorted rows: whole numbers in ascending order, other values by size; those without a value come last. */
  function grouped(sortedRows) {
    const values = valuesOf(state.group);
    const groups = new Map();
    for (const row of sortedRows) {
      const value = values[row];
      if (!groups.has(value)) groups.set(value, []);
      groups.get(value).push(row);
    }
    return [...groups].sort(([one, its], [other, others]) => {
      if (one === null || other === null) return (one === null) - (other === null);
      return isNumber(state.group) ? compare(one, other) : others.length - its.length;
    });
  }

  /** Puts the cards into their order and groups. */
  function arrange() {
    order = sorted();
    headings = [];
    const content = document.createDocumentFragment();
    if (state.group < 0) {
      content.append(...order.map((row) => cards[row]));
    } else {
      const { words } = columns[state.group];
      const groups = grouped(order);
      for (const [value, members] of groups) {
        const count = make("span", { className: "unit" });
        const text = value === null ? "(none)" : value === "" ? "(empty)" : visible(rows[members[0]][state.group]);
        const what = make("span", { className: "unit" }, words);
        const heading = make("h3", { className: "group" }, what, " ", make("bdi", {}, clipped(text, 240)), " ", count);
        headings.push({ heading, count, members });
        content.append(heading, ...members.map((row) => cards[row]));
      }
      order = groups.flatMap(([, members]) => members);
    }
    grid.replaceChildren(content);
    update();
  }

  function isShown(row) {
    if (state.text !== "" && !nameOf(row).toLowerCase().includes(state.text)) return false;
    for (const [column, { from, to }] of ranges) {
      const value = valuesOf(column)[row];
      if (value === null || (from !== null && value < from) || (to !== null && value > to)) return false;
    }
    return true;
  }

  /** Shows the cards that fit, and says how many there are. */
  function update() {
    shown = order.filter(isShown);
    const fits = new Set(shown);
    cards.forEach((card, row) => {
      if (card.hidden === fits.has(row)) card.hidden = !fits.has(row);
    });
    for (const { heading, count, members } of headings) {
      const there = members.filter((row) => fits.has(row)).length;
      heading.hidden = there === 0;
      count.textContent = there;
    }
    report();
  }

  /** Says how many molecules are shown and selected, here and in the plot of two columns. */
  function report(more = "") {
    const text = `${shown.length} of ${rows.length} shown, ${selected.size} selected.`;
    status.textContent = `${text}${more === "" ? "" : ` ${more}`}`;
    for (const note of notes) note.textContent = `${text} A range keeps what has a value within it, ends included.`;
    const what = selected.size > 0 ? `${selected.size} selected` : `${shown.length} shown`;
    saveCsv.textContent = `Save ${what} as CSV`;
    saveSmiles.textContent = `Save ${what} as SMILES`;
    scatter?.draw();
  }

  function clipped(text, most) {
    return text.length > most ? `${text.slice(0, most)}… (${text.length} characters)` : text;
  }

  // ---- Selecting and saving
  function select(row, chosen) {
    if (chosen) selected.add(row);
    else selected.delete(row);
    cards[row].classList.toggle("selected", chosen);
    cards[row].querySelector(".pick input").checked = chosen;
  }

  /** Returns the rows to save, in the order shown: those selected, or else all that are shown. */
  const toSave = () => (selected.size > 0 ? order.filter((row) => selected.has(row)) : shown);

  /** Puts an apostrophe before a text that a spreadsheet would run as a formula. */
  function withoutFormula(text) {
    const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text);
    return /^[=+\-@\t\r]/.test(text) && !isNumber ? `'${text}` : text;
  }

  function csv() {
    const escape = formulas.checked ? withoutFormula : (text) => text;
    const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const cell = (text, column) => quoted(columns[column].type === "text" ? escape(text ?? "") : (text ?? ""));
    const head = columns.map(({ name }) => quoted(escape(name)));
    return [head, ...toSave().map((row) => rows[row].map(cell))].map((cells) => `${cells.join(",")}\n`).join("");
  }

  /** Returns a line for each molecule, and how many have a name that a SMILES file cannot hold. */
  function smiles() {
    const lines = [];
    let left = 0;
    for (const row of toSave()) {
      const name = rows[row][NAME] ?? "";
      if (/[\r\n]/.test(name) || name.trim() !== name || /^\|.*\|/.test(name)) left += 1;
      else lines.push(`${rows[row][SMILES]} ${name}`.trimEnd());
    }
    return { text: lines.map((line) => `${line}\n`).join(""), left };
  }

  function save(name, type, text) {
    const href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
    make("a", { href, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
  }

  // ---- The controls
  const status = make("p", { className: "state", role: "status" });
  const notes = [];
  const button = (text, onclick) => make("button", { type: "button", onclick }, text);

  function choice(label, none, offered, chosen, change) {
    const options = offered.map((column) => make("option", { value: column }, visible(columns[column].words)));
    if (none !== null) options.unshift(make("option", { value: -1 }, none));
    const field = make("select", {}, ...options);
    field.value = chosen;
    field.onchange = () => change(Number(field.value));
    return { field, label: make("label", {}, label, " ", field) };
  }

  const search = make("input", { type: "search", autocomplete: "off", spellcheck: false });
  search.oninput = () => {
    state.text = search.value.toLowerCase();
    update();
  };
  const set = (change) => {
    Object.assign(state, change);
    arrange();
  };
  const sort = choice("Sort by", "the order of the table", all, -1, (column) => set({ sort: column }));
  const descending = make("input", { type: "checkbox" });
  descending.onchange = () => set({ descending: descending.checked });
  // A column of which every value differs makes no groups.
  const repeats = (column) => new Set(valuesOf(column)).size < rows.length || rows.length === 1;
  const groupable = all.filter((column) => columns[column].type !== "float" && (column === group || repeats(column)));
  const groupBy = choice("Group by", "nothing", groupable, group ?? -1, (column) => set({ group: column }));
  const formulas = make("input", { type: "checkbox" });
  const saveCsv = button("", () => {
    save("molecules.csv", "text/csv", csv());
    report();
  });
  const saveSmiles = button("", () => {
    const { text, left } = smiles();
    save("molecules.smi", "chemical/x-daylight-smiles", text);
    const name = left === 1 ? "1 molecule is" : `${left} molecules are`;
    report(left === 0 ? "" : `${name} left out: a SMILES file cannot hold the name. Save as CSV instead.`);
  });
  const reset = () => {
    [search.value, sort.field.value, descending.checked, groupBy.field.value] = ["", -1, false, group ?? -1];
    for (const plot of plots) plot.clear();
    set({ text: "", sort: -1, descending: false, group: group ?? -1 });
  };
  const selectAll = (chosen, which) => {
    for (const row of which) select(row, chosen);
    report();
  };
  section.querySelector(".lead").after(
    make("form", { className: "tools", role: "search", "aria-label": "Molecules", onsubmit: () => false },
      make("label", {}, "Name contains ", search), sort.label, make("label", {}, descending, " descending"),
      groupBy.label, button("Reset", reset)),
    make("div", { className: "tools" }, button("Select all shown", () => selectAll(true, shown)),
      button("Select none", () => selectAll(false, [...selected])), saveCsv, saveSmiles,
      make("label", { title: "Puts an apostrophe before texts of the CSV that a spreadsheet would run as a formula" },
        formulas, " without formulas")),
    status,
  );

  cards.forEach((card, row) => {
    const name = card.querySelector("h3").textContent;
    const image = card.querySelector(".picture img");
    if (image !== null) {
      const enlarge = make("button", { type: "button", className: "enlarge", "aria-label": `Enlarge ${name}` });
      image.replaceWith(enlarge);
      enlarge.append(image);
    }
    const box = make("input", { type: "checkbox", "aria-label": `Select ${name}` });
    box.checked = false;
    card.querySelector("h3").after(make("label", { className: "pick" }, box, " Select"));
    card.dataset.row = row;
  });
  const rowOf = (element) => Number(element.closest(".card").dataset.row);
  grid.addEventListener("change", ({ target }) => {
    if (target.closest(".pick") === null) return;
    select(rowOf(target), target.checked);
    report();
  });
  grid.addEventListener("click", ({ target }) => {
    if (target.closest(".enlarge") !== null) enlarge(rowOf(target));
  });

  // ---- One molecule, enlarged
  const title = make("h2", { id: "enlarged" });
  const picture = make("div", { className: "picture" });
  const values = make("dl");
  const dialog = make("dialog", { "aria-labelledby": "enlarged" },
    make("div", { className: "tools" }, button("Previous", () => turn(-1)), button("Next", () => turn(1)),
      button("Close", () => dialog.close())),
    title, picture, values);
  dialog.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowLeft") turn(-1);
    if (key === "ArrowRight") turn(1);
  });
  document.body.append(dialog);
  let current = 0;

  function enlarge(row) {
    current = row;
    title.replaceChildren(make("bdi", {}, clipped(visible(nameOf(row)), 1000)));
    const image = cards[row].querySelector(".picture img");
    picture.replaceChildren(image === null
      ? make("p", { className: "none" }, cards[row].querySelector(".picture").textContent)
      : make("img", { src: image.src, alt: image.alt, width: 840, height: 570 }));
    values.replaceChildren(...all.map((column) => {
      const { words, unit } = columns[column];
      const value = rows[row][column];
      const none = make("span", { className: "none" }, "–");
      const text = value === null ? none : make("bdi", {}, clipped(visible(value), 2000));
      const after = unit === null ? [] : [" ", make("span", { className: "unit" }, visible(unit))];
      return make("div", {}, make("dt", {}, visible(words)), make("dd", {}, text, ...after));
    }));
    if (!dialog.open) dialog.showModal();
  }

  /** Enlarges the next molecule that is shown, or the one before. */
  function turn(step) {
    const next = shown[shown.indexOf(current) + step];
    if (next !== undefined) enlarge(next);
  }

  // ---- Ranges in the histograms
  /** Lets a range be chosen in a histogram: by its two fields, or by dragging over it. */
  function histogram(figure) {
    const column = Number(figure.dataset.column);
    const [least, greatest] = [Number(figure.dataset.from), Number(figure.dataset.to)];
    const svg = figure.querySelector("svg");
    const { width, height } = svg.viewBox.baseVal;
    const name = figure.querySelector("h3").textContent;
    const field = (which) => make("input", { type: "number", step: "any", "aria-label": `${name}: ${which}` });
    const [from, to] = [field("from"), field("to")];
    const mark = draw("rect", { class: "range", y: 0, height });
    svg.prepend(mark);

    function apply() {
      const bound = ({ value }) => (value === "" ? null : Number(value));
      const range = { from: bound(from), to: bound(to) };
      if (range.from === null && range.to === null) ranges.delete(column);
      else ranges.set(column, range);
      const x = (value, otherwise) => {
        const at = value === null ? otherwise : ((value - least) / (greatest - least)) * width;
        return Math.min(Math.max(at, 0), width);
      };
      // A bar of one whole number has it at its left.
      const end = range.to !== null && "each" in figure.dataset ? Math.floor(range.to) + 1 : range.to;
      mark.setAttribute("x", x(range.from, 0));
      mark.setAttribute("width", ranges.has(column) ? Math.max(x(end, width) - x(range.from, 0), 0) : 0);
    }
    const changed = () => {
      apply();
      update();
    };
    from.oninput = to.oninput = changed;
    const clear = () => {
      from.value = to.value = "";
      apply();
    };

    const digits = Math.min(Math.max(2 - Math.floor(Math.log10(greatest - least)), 0), 100);
    const round = (value) => ("each" in figure.dataset ? Math.floor(value) : Number(value.toFixed(digits)));
    const at = ({ clientX }) => {
      const box = svg.getBoundingClientRect();
      return least + Math.min(Math.max((clientX - box.left) / box.width, 0), 1) * (greatest - least);
    };
    let start = null;
    svg.addEventListener("pointerdown", (event) => {
      start = event;
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", (event) => {
      if (start === null || Math.abs(event.clientX - start.clientX) < 3) return;
      const [one, other] = [at(start), at(event)].sort(compare);
      [from.value, to.value] = [round(one), round(other)];
      changed();
    });
    svg.addEventListener("pointerup", (event) => {
      if (start !== null && Math.abs(event.clientX - start.clientX) < 3) {
        clear();
        update();
      }
      start = null;
    });
    svg.addEventListener("pointercancel", () => (start = null));
    figure.append(make("div", { className: "tools" }, make("label", {}, "from ", from), make("label", {}, "to ", to)));
    return { clear };
  }

  const figures = [...document.querySelectorAll("#plots .plot")];
  const plots = figures.map(histogram);
  if (figures.length > 0) {
    const note = make("p", { className: "lead" });
    notes.push(note);
    document.querySelector("#plots .plots").before(note);
  }

  // ---- Two columns
  /** Adds a plot of two columns, with a dot for each molecule that has both values. */
  function scatterPlot() {
    const [width, height, left, bottom] = [720, 400, 64, 40];
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
    const nearest = make("p", { className: "lead", ariaLive: "polite" });
    const plot = make("div", { className: "plot", role: "application", tabIndex: 0 }, svg);
    const ring = draw("circle", { class: "at", r: 9 });
    const axes = { x: numeric[0], y: numeric[1] };
    let dots = [];
    // The molecule of the dot that the reader is at.
    let at = null;

    const pick = (axis, label) => choice(label, null, numeric, axes[axis], (column) => {
      axes[axis] = column;
      redraw();
    }).label;
    const section = make("section", { id: "scatter" }, make("h2", {}, "Two columns"),
      make("div", { className: "tools" }, pick("x", "Across"), pick("y", "Up")),
      plot, nearest);

    /** Returns the scale of an axis: round ends, and ticks between them. */
    function scale(column) {
      const numbers = valuesOf(column).filter((value) => value !== null).map(Number);
      let [least, greatest] = [Infinity, -Infinity];
      for (const number of numbers) [least, greatest] = [Math.min(least, number), Math.max(greatest, number)];
      if (!(least < greatest)) [least, greatest] = least === greatest ? [least - 1, greatest + 1] : [0, 1];
      const rough = (greatest - least) / 5;
      const power = 10 ** Math.floor(Math.log10(rough));
      const step = [1, 2, 5, 10].map((factor) => factor * power).find((round) => round >= rough * 0.999);
      const ends = [Math.floor(least / step) * step, Math.ceil(greatest / step) * step];
      const ticks = [];
      for (let tick = ends[0]; tick <= ends[1] + step / 2; tick += step) ticks.push(Number(tick.toPrecision(6)));
      return { ends, ticks };
    }

    function redraw() {
      const [x, y] = [scale(axes.x), scale(axes.y)];
      const across = (value) => left + ((value - x.ends[0]) / (x.ends[1] - x.ends[0])) * (width - left - 12);
      const up = (value) => height - bottom - ((value - y.ends[0]) / (y.ends[1] - y.ends[0])) * (height - bottom - 12);
      const [xs, ys] = [valuesOf(axes.x), valuesOf(axes.y)];
      const fits = new Set(shown);
      dots = [];
      const paths = { before: [], now: [], picked: [] };
      for (const row of rows.keys()) {
        if (xs[row] === null || ys[row] === null) continue;
        const dot = { row, x: across(Number(xs[row])), y: up(Number(ys[row])) };
        const path = selected.has(row) ? paths.picked : fits.has(row) ? paths.now : paths.before;
        path.push(`M${dot.x.toFixed(1)} ${dot.y.toFixed(1)}h0`);
        if (fits.has(row)) dots.push(dot);
      }
      const text = (at, value) => draw("text", at, String(value));
      const title = (column) => {
        const { words, unit } = columns[column];
        return visible(unit === null ? words : `${words} (${unit})`);
      };
      svg.replaceChildren(
        ...x.ticks.map((tick) => draw("path", { class: "axis", d: `M${across(tick)} 12V${height - bottom}` })),
        ...y.ticks.map((tick) => draw("path", { class: "axis", d: `M${left} ${up(tick)}H${width - 12}` })),
        ...x.ticks.map((tick) => text({ x: across(tick), y: height - bottom + 18, class: "middle" }, tick)),
        ...y.ticks.map((tick) => text({ x: left - 8, y: up(tick) + 5, class: "end" }, tick)),
        ...Object.entries(paths).map(([name, path]) => draw("path", { class: `dots ${name}`, d: path.join("") })),
      );
      nearest.textContent = `${dots.length} of the ${shown.length} molecules shown have both values.`;
      svg.setAttribute("aria-label", `${title(axes.y)} against ${title(axes.x)}. ${nearest.textContent}`);
      plot.ariaLabel = "Dots: the arrow keys go from one to the next, and Enter opens its molecule";
      [at, ring.style.display] = [null, "none"];
      svg.append(ring);
    }

    /** Says which molecule a dot is, and marks the dot. */
    function say(dot) {
      at = dot.row;
      for (const [name, value] of Object.entries({ cx: dot.x, cy: dot.y })) ring.setAttribute(name, value);
      ring.style.display = "";
      const said = (column) => `${visible(columns[column].words)} ${rows[dot.row][column]}`;
      nearest.textContent = `${clipped(visible(nameOf(dot.row)), 90)}: ${said(axes.x)}, ${said(axes.y)}`;
    }

    /** Returns the dot next to the pointer. */
    function dotAt({ clientX, clientY }) {
      const box = svg.getBoundingClientRect();
      const [x, y] = [((clientX - box.left) / box.width) * width, ((clientY - box.top) / box.height) * height];
      let best = null;
      for (const dot of dots) {
        const distance = Math.hypot(dot.x - x, dot.y - y);
        if (distance < 16 && (best === null || distance < best.distance)) best = { ...dot, distance };
      }
      return best;
    }
    svg.addEventListener("pointermove", (event) => {
      const dot = dotAt(event);
      if (dot !== null) say(dot);
    });
    const ways = { ArrowLeft: ["x", -1], ArrowRight: ["x", 1], ArrowUp: ["y", -1], ArrowDown: ["y", 1] };
    plot.addEventListener("keydown", (event) => {
      const opens = event.key === "Enter" && at !== null;
      if (!opens && (ways[event.key] === undefined || dots.length === 0)) return;
      // Otherwise the key would also press the button that gets the focus.
      event.preventDefault();
      if (opens) return void enlarge(at);
      const [axis, by] = ways[event.key];
      const order = [...dots].sort((one, other) => one[axis] - other[axis] || one.row - other.row);
      const now = order.findIndex((dot) => dot.row === at);
      say(order[now < 0 ? 0 : Math.min(Math.max(now + by, 0), order.length - 1)]);
    });
    svg.addEventListener("click", (event) => {
      const dot = dotAt(event);
      if (dot !== null) enlarge(dot.row);
    });
    return { section, draw: redraw };
  }

  const scatter = numeric.length > 1 ? scatterPlot() : null;
  if (scatter !== null) {
    section.before(scatter.section);
    document.querySelector('nav a[href="#molecules"]').before(make("a", { href: "#scatter" }, "Two columns"));
  }
  if (state.group < 0) update();
  else arrange();
})();
