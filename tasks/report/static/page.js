"use strict";
(() => {
  const config = { responsive: true, displayModeBar: false, doubleClick: "reset" };
  const drawn = new Set();
  let figures = [];
  let charts = [];

  function theme() {
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(name).trim();
    return { ink: read("--ink"), surface: read("--surface"), muted: read("--muted"), line: read("--line") };
  }

  // A colour "ink" or "surface" stands for the page's own, light or dark.
  function coloured(value, colours, key = "") {
    if (Array.isArray(value)) {
      return value.length && typeof value[0] === "object" ? value.map((v) => coloured(v, colours)) : value;
    }
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v, colours, k)]));
    }
    return key === "color" && value in colours ? colours[value] : value;
  }

  function layoutOf(figure, colours) {
    const layout = {
      ...figure.layout,
      autosize: true,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12.5, color: colours.ink },
      hoverlabel: {
        ...figure.layout.hoverlabel,
        bgcolor: colours.surface,
        bordercolor: colours.line,
        font: { color: colours.ink },
      },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colours.muted, activecolor: colours.ink },
    };
    for (const name of Object.keys(layout).filter((k) => /^[xy]axis/.test(k))) {
      layout[name] = {
        automargin: true,
        gridcolor: colours.line,
        linecolor: colours.line,
        tickcolor: colours.line,
        ...layout[name],
        tickfont: { color: colours.muted },
        title: { standoff: 8, ...layout[name].title, font: { color: colours.muted, size: 12.5 } },
      };
    }
    return layout;
  }

  // On a phone each name of a legend takes a line, which must not come out of the plot.
  function roomFor({ data, layout }, width) {
    const names = layout.showlegend === false ? 0 : data.filter((d) => d.name && d.showlegend !== false).length;
    return width < 480 && names > 2 ? 20 * names : 0;
  }

  function draw(element) {
    const figure = figures[element.dataset.figure];
    const colours = theme();
    const first = !drawn.has(element);
    drawn.add(element);
    const layout = layoutOf(figure, colours);
    layout.height += roomFor(figure, element.clientWidth);
    element.style.height = `${layout.height}px`;
    Plotly.react(element, coloured(figure.data, colours), layout, config);
    if (first && figure.layout.meta === "frames") element.on("plotly_click", tell);
  }

  // Where a time line was clicked, for whoever can show the frame.
  function tell(event) {
    dispatchEvent(new CustomEvent("fewframes:point", { detail: event.points[0].x }));
  }

  const seen = new IntersectionObserver(
    (entries) => entries.filter((e) => e.isIntersecting && !drawn.has(e.target)).forEach((e) => draw(e.target)),
    { rootMargin: "800px" },
  );

  // Called again when what the page shows was replaced.
  function begin() {
    drawn.clear();
    seen.disconnect();
    figures = JSON.parse(document.getElementById("figures").textContent);
    charts = [...document.querySelectorAll(".chart")];
    charts.forEach((element) => seen.observe(element));
  }

  begin();
  addEventListener("fewframes:replaced", begin);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(draw));
  // Paper is narrower than a screen; the browser lays the page out for it only after it has told of it.
  addEventListener("beforeprint", () => {
    document.documentElement.classList.add("paper");
    charts.filter((e) => !drawn.has(e)).forEach(draw);
    charts.forEach((e) => Plotly.relayout(e, { width: e.clientWidth }));
  });
  addEventListener("afterprint", () => {
    document.documentElement.classList.remove("paper");
    charts.forEach((e) => Plotly.relayout(e, { width: null, autosize: true }));
  });
})();
