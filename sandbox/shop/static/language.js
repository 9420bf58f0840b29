// Chinese or English: what the buyer chose last, else what his browser speaks. Both texts stand where they are used.

const asked = localStorage.getItem("language");

export const language = asked === "zh" || asked === "en" ? asked : navigator.language.startsWith("zh") ? "zh" : "en";
document.documentElement.lang = language === "zh" ? "zh-CN" : "en";

/** The text in the language of the page. */
export const words = (chinese, english) => (language === "zh" ? chinese : english);

/** Remembers the other language and draws the page anew in it. */
export function switchLanguage() {
  localStorage.setItem("language", words("en", "zh"));
  location.reload();
}

const moment = new Intl.DateTimeFormat(words("zh-CN", "en-GB"), { dateStyle: "medium", timeStyle: "short", hour12: false });
const brief = new Intl.DateTimeFormat(words("zh-CN", "en-GB"), { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });

/** The same without the year. */
export const shortly = (time) => brief.format(new Date(time));

/** An instant (RFC 3339) as date and time of the buyer's own place. */
export const written = (time) => moment.format(new Date(time));
