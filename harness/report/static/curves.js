// Curves that can be asked: where a page has a panel's numbers, they take the place of its drawing on the screen.
"use strict";

const HEIGHT = 230;
const FEW = 12; // points that are marked one by one

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

function numbers(panel) {
  return JSON.parse(panel.querySelector("script").textContent);
}

// x, and a row of values for every grey line, single seed and mean; and what each of them is.
function series(curves) {
  const values = [curves.x[0]];
  const about = [{}];
  const add = (row, look) => { values.push(row); about.push({ spanGaps: true, points: { show: false }, ...look }); };
  const behind = typeof curves.behind === "string" ? numbers(document.getElementById(curves.behind)).behind : curves.behind;
  for (const row of behind) add(row, { stroke: () => colour("behind"), width: 1, kind: "behind" });
  for (const line of curves.lines) {
    const look = { stroke: () => colour(line.colour), label: line.label };
    for (const seed of line.seeds) add(seed, { ...look, width: 0.6, alpha: 0.45, kind: "seed" });
    const few = line.mean.filter((value) => value !== null).length <= FEW;
    add(line.mean, { ...look, width: 2 * (1 + line.hidden), dash: line.dashes.map((d) => 2 * d), points: { show: few, size: 6 }, kind: "mean" });
  }
  return { values, about };
}

function draw(panel, curves) {
  const { values, about } = series(curves);
  const place = document.createElement("div");
  const said = document.createElement("p");
  said.className = "values";
  said.textContent = "Point at the curves to read them.";
  const [xs, xLabel, xScale] = curves.x;
  const [range, yLabel, yScale] = curves.y;
  const axis = (label, size) => ({ label, size, labelSize: 18, font: "12px system-ui", labelFont: "12px system-ui",
    stroke: () => colour("ink"), grid: { stroke: () => colour("grid"), width: 1 }, ticks: { show: false } });
  const chart = new uPlot({
    width: panel.clientWidth, height: HEIGHT,
    scales: { x: { time: false, distr: xScale === "log" ? 3 : 1 }, y: { distr: yScale === "log" ? 3 : 1, ...(range ? { range } : {}) } },
    axes: [axis(xLabel, 32), axis(yLabel, 46)],
    series: about,
    legend: { show: false },
    hooks: { setCursor: [(plot) => {
      const at = plot.cursor.idx;
      if (at === null || at === undefined) return;
      const words = about.flatMap((one, i) => one.kind === "mean" && plot.series[i].show && values[i][at] !== null
        ? [one.label + ": " + values[i][at]] : []);
      said.textContent = xLabel + " " + xs[at] + " · " + words.join(" · ");
    }] },
  }, values, place);
  place.setAttribute("aria-hidden", "true"); // its drawing says the same to readers of a screen
  panel.append(place, said);
  panel.classList.add("live");
  return { chart, about };
}

// A legend's entries show and hide lines; one more entry the single seeds.
function controls(figure, charts) {
  const off = new Set();
  let seeds = true;
  const update = () => {
    for (const { chart, about } of charts) {
      about.forEach((one, i) => {
        const show = one.kind === "behind" || (!off.has(one.label) && (seeds || one.kind === "mean"));
        if (i && chart.series[i].show !== show) chart.setSeries(i, { show });
      });
    }
  };
  const box = (text, change, before) => {
    const input = document.createElement("input");
    input.type = "checkbox";
    input.checked = true;
    input.addEventListener("change", () => { change(input.checked); update(); });
    const label = document.createElement("label");
    label.append(input, ...before, text);
    return label;
  };
  for (const entry of figure.querySelectorAll("li[data-line]")) {
    const name = entry.dataset.line;
    entry.replaceChildren(box(" " + name, (on) => (on ? off.delete(name) : off.add(name)), [...entry.querySelectorAll("svg")]));
  }
  if (figure.querySelector("script").dataset.seeds) {
    const single = document.createElement("p");
    single.className = "seeds-box";
    single.append(box(" single seeds", (on) => { seeds = on; }, []));
    figure.querySelector(".panels").before(single);
  }
  return update;
}

for (const figure of document.querySelectorAll("figure")) {
  const scripts = [...figure.querySelectorAll("script[type='application/json']")];
  if (!scripts.length) continue;
  const charts = [];
  const update = controls(figure, charts);
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      charts.push(draw(target, numbers(target)));
      update();
    }
  }, { rootMargin: "400px" });
  for (const script of scripts) seen.observe(script.parentElement);
  window.addEventListener("resize", () => charts.forEach(({ chart }) => chart.setSize({ width: chart.root.parentElement.clientWidth, height: HEIGHT })));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(({ chart }) => chart.redraw()));
}
