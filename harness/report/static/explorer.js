// The explorer: a table of printed numbers or of trials, and one row of it in full. All that is chosen is in the address.
"use strict";

const PAGE_LENGTH = 25;
const filters = document.getElementById("filters");
const detail = document.getElementById("detail");
const holder = document.getElementById("rows");
let shown = null; // view, its data, the table, and the places of its visible fields

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function chosen() {
  return new URLSearchParams(location.hash.slice(1));
}

function address(changes) {
  const now = chosen();
  for (const [name, value] of Object.entries(changes)) value ? now.set(name, value) : now.delete(name);
  return "#" + now;
}

function choose(changes) {
  history.replaceState(null, "", address(changes));
  apply();
}

// A trial may be of several suites; any other facet has one value.
function words(field, value) {
  return field.key === "suite" || field.kind === "words" ? value.split(" ") : [value];
}

// One control per facet, and a search in everything.
function buildFilters(view, data) {
  const search = element("input", { type: "search", id: "q" });
  search.addEventListener("input", () => choose({ q: search.value, row: "" }));
  filters.replaceChildren(element("label", { for: "q" }, "search ", search));
  data.fields.forEach((field, index) => {
    if (field.kind === "words") {
      const word = element("input", { type: "search", id: "f-" + field.key });
      word.addEventListener("change", () => choose({ [field.key]: word.value, row: "" }));
      filters.append(element("label", { for: word.id }, field.title + " ", word));
    }
    if (field.kind !== "facet") return;
    const values = [...new Set(data.rows.flatMap((row) => words(field, row[index])))].sort();
    const select = element("select", { id: "f-" + field.key }, element("option", { value: "" }, "all"));
    select.append(...values.filter(Boolean).map((value) => element("option", { value }, value)));
    select.addEventListener("change", () => choose({ [field.key]: select.value, row: "" }));
    filters.append(element("label", { for: select.id }, field.title + " ", select));
  });
  const clear = element("a", { href: "#view=" + view }, "clear");
  filters.append(clear);
}

function buildTable(view) {
  const data = DATA[view];
  if (shown) shown.table.destroy();
  const table = element("table", { class: "rows" }, element("caption", {}, data.caption));
  holder.replaceChildren(table);
  const text = DataTable.render.text(); // what comes from records and suites stays text
  const visible = (kind) => kind === "facet" || kind === "column" || kind === "number";
  const made = new DataTable(table, {
    data: data.rows,
    pageLength: PAGE_LENGTH,
    autoWidth: false,
    order: [],
    layout: { topStart: "info", topEnd: "paging", bottomStart: "pageLength", bottomEnd: null },
    columns: data.fields.map((field) => ({
      title: field.title,
      visible: visible(field.kind),
      className: field.kind === "column" ? "loose" : "",
      type: field.kind === "number" ? "num" : "string",
      render: field.kind === "number" ? { display: text.display, filter: text.filter, sort: size } : text,
    })),
    createdRow: (row, values) => {
      const link = element("a", { href: address({ view, row: values[0] }) }, values[0]);
      link.addEventListener("click", (event) => { event.preventDefault(); choose({ row: values[0] }); detail.focus(); });
      row.cells[0].replaceChildren(link);
      row.dataset.id = values[0];
    },
  });
  made.on("order", () => {
    const [first] = made.order();
    const sort = first && first[1] ? data.fields[first[0]].key + " " + first[1] : "";
    if (sort !== (chosen().get("sort") ?? "")) history.replaceState(null, "", address({ sort }));
  });
  made.on("draw", mark);
  shown = { view, data, table: made };
  buildFilters(view, data);
}

// "54.30 ± 0.12 (3 of 3)" sorts as 54.30; what has no number comes last.
function size(value) {
  const found = /-?\d+(\.\d+)?(e[+-]?\d+)?/i.exec(String(value));
  return found ? Number(found[0]) : -Infinity;
}

function turnTo(table, index) {
  const place = table.rows({ order: "applied", search: "applied" }).indexes().toArray().indexOf(index);
  if (place >= 0) table.page(Math.floor(place / table.page.len())).draw("page");
}

function mark() {
  const row = chosen().get("row");
  for (const line of holder.querySelectorAll("tbody tr")) line.classList.toggle("chosen", line.dataset.id === row);
}

function fieldValue(kind, value) {
  if (kind === "code") return element("pre", {}, value);
  if (kind === "link") return element("a", { href: value }, decodeURIComponent(value));
  if (kind === "links") return element("ul", {}, ...value.map((one) => element("li", {}, element("a", { href: one }, one))));
  return document.createTextNode(value);
}

function showDetail(id) {
  const row = id && shown.data.rows.find((one) => one[0] === id);
  detail.hidden = !id;
  if (!row) {
    detail.replaceChildren(element("p", {}, id ? "There is no such row: " + id : ""));
    return;
  }
  const list = element("dl", { class: "summary" });
  shown.data.fields.forEach((field, index) => {
    const value = row[index];
    if (index && value !== "" && String(value) !== "") {
      list.append(element("dt", {}, field.title), element("dd", {}, fieldValue(field.kind, value)));
    }
  });
  const close = element("button", { type: "button" }, "close");
  close.addEventListener("click", () => choose({ row: "" }));
  detail.replaceChildren(element("h2", {}, id), list, close);
}

function apply() {
  const now = chosen();
  const view = Object.hasOwn(DATA, now.get("view")) ? now.get("view") : "numbers";
  if (!shown || shown.view !== view) buildTable(view);
  const { data, table } = shown;
  const search = document.getElementById("q");
  if (search.value !== (now.get("q") ?? "")) search.value = now.get("q") ?? "";
  table.search(now.get("q") ?? "");
  data.fields.forEach((field, index) => {
    if (field.kind !== "facet" && field.kind !== "words") return;
    const value = now.get(field.key) ?? "";
    document.getElementById("f-" + field.key).value = value;
    table.column(index).search.fixed("facet", value ? (cell) => words(field, cell).includes(value) : null);
  });
  const [key, way] = (now.get("sort") ?? "").split(" ");
  const place = data.fields.findIndex((field) => field.key === key);
  table.order(place < 0 ? [] : [[place, way === "desc" ? "desc" : "asc"]]);
  table.draw();
  turnTo(table, data.rows.findIndex((row) => row[0] === now.get("row")));
  for (const name of ["numbers", "trials"]) {
    const link = document.getElementById("to-" + name);
    name === view ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  showDetail(now.get("row"));
}

window.addEventListener("hashchange", apply);
apply();
