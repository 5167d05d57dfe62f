/**
 * Light or dark: as the system is, or as was chosen here. Loaded before the page is drawn, so that
 * it never appears in the wrong one.
 */

const STORED = "fanfare.theme";
type Theme = "light" | "dark";

const dark = matchMedia("(prefers-color-scheme: dark)");

function stored(): Theme | undefined {
  try {
    const theme = localStorage.getItem(STORED);
    return theme === "light" || theme === "dark" ? theme : undefined;
  } catch {
    // No storage, no choice: the system decides.
    return undefined;
  }
}

function store(theme: Theme | undefined): void {
  try {
    if (theme) localStorage.setItem(STORED, theme);
    else localStorage.removeItem(STORED);
  } catch {
    // It holds until the page is left.
  }
}

function system(): Theme {
  return dark.matches ? "dark" : "light";
}

function show(chosen: Theme | undefined): void {
  const root = document.documentElement;
  if (chosen) root.dataset["theme"] = chosen;
  else delete root.dataset["theme"];
  const isDark = (chosen ?? system()) === "dark";
  const toggle = document.getElementById("theme");
  toggle?.setAttribute("aria-pressed", String(isDark));
  const colour = getComputedStyle(root).getPropertyValue("background-color");
  document.querySelector('meta[name="theme-color"]')?.setAttribute("content", colour);
}

let chosen = stored();

function toggle(): void {
  const theme = (chosen ?? system()) === "dark" ? "light" : "dark";
  // Back to what the system has means to follow it again.
  chosen = theme === system() ? undefined : theme;
  store(chosen);
  show(chosen);
}

show(chosen);
dark.addEventListener("change", () => show(chosen));
addEventListener("storage", ({ key }) => {
  if (key !== STORED) return;
  chosen = stored();
  show(chosen);
});
document.addEventListener("DOMContentLoaded", () => {
  show(chosen);
  document.getElementById("theme")?.addEventListener("click", toggle);
});
