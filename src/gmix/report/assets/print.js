// Before the page is printed: light colors, charts at the width of the paper, and wide tables in parts; afterwards, as before.
let themeOnScreen = null;

// A copy of a table with its first column and the others from `begin` to before `end`.
function partOf(table, begin, end) {
  const part = table.cloneNode(true);
  for (const row of part.rows) for (const cell of [...row.cells]) {
    if (cell.cellIndex && !(cell.dataset.column >= begin && cell.dataset.column < end)) cell.dataset.drop = "";
  }
  for (const cell of part.querySelectorAll("[data-drop]")) cell.remove();
  part.classList.add("part");
  return part;
}

// A table that is too wide is set smaller, and if that does not suffice, in parts: one below the other, each with the first column.
function splitWideTables() {
  for (const table of document.querySelectorAll(".scroll > table")) {
    const room = table.parentElement.clientWidth;
    if (!room || table.offsetWidth <= room) continue;
    table.classList.add("dense");
    if (table.offsetWidth <= room) continue;
    for (const row of table.rows) [...row.cells].forEach((cell, j) => { cell.dataset.column = j; });
    const widths = [...table.rows[0].cells].map(cell => cell.getBoundingClientRect().width);
    let begin = 1, width = widths[0];
    for (let j = 1; j <= widths.length; j++) {
      if (j < widths.length && (width + widths[j] <= room || j === begin)) { width += widths[j]; continue; }
      table.parentElement.append(partOf(table, begin, j));
      begin = j;
      width = widths[0] + widths[j];
    }
    table.hidden = true;
  }
}

function beginPrinting() {
  if (printing) return;
  printing = true;
  themeOnScreen = root.dataset.theme;
  at("print-style").media = "all";  // so that charts and tables can be measured as they will be printed
  dress("light");
  splitWideTables();
  drawAll();
}

function endPrinting() {
  if (!printing) return;
  printing = false;
  at("print-style").media = "print";
  for (const part of document.querySelectorAll("table.part")) part.remove();
  for (const table of document.querySelectorAll(".scroll > table")) {
    table.hidden = false;
    table.classList.remove("dense");
  }
  dress(themeOnScreen);
  drawAll();
}

addEventListener("beforeprint", beginPrinting);
addEventListener("afterprint", endPrinting);
