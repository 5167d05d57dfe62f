/** Times as the reader's language and zone write them. */

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayOfYear = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

export function clockTime(time: number): string {
  return clock.format(time);
}

export function fullTime(time: number): string {
  return full.format(time);
}

/** “Today”, “Yesterday”, else the date; the year only where it is another. */
export function dayName(time: number, now: number): string {
  const days = Math.round((midnight(time) - midnight(now)) / 86_400_000);
  if (days === 0 || days === -1) return capital(relative.format(days, "day"));
  const isThisYear = new Date(time).getFullYear() === new Date(now).getFullYear();
  return (isThisYear ? day : dayOfYear).format(time);
}

function midnight(time: number): number {
  return new Date(time).setHours(0, 0, 0, 0);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
