import { isPersons, ISP_NAME, targetName, type LiveMessage } from "./api";
import { clock, words } from "./format";

const SAYS: Record<string, string> = {
  hard_bounced: "address is dead, suppressed", complained: "complained, suppressed", unsubscribed: "unsubscribed",
  clicked: "clicked a link", page_view: "viewed the site", session_end: "left the site",
};

interface Told { action: string; agent: string; target: string; target_type: string; status: string; rule: string; by: string | null; person_reason: string | null; note: string | null; awaits: boolean }

/** A decision as it is now, in words: what waits, who answered and how, and what a probe has shown. */
function decided(of: Told): string {
  const what = `${words(of.action)} ${targetName(of)}`;
  if (isPersons(of)) return `${of.by}: ${what} (${of.status})`;
  const who = `${of.agent} agent: ${what}`;
  if (of.awaits) return `${who} waits for a person`;
  if (of.by && of.status === "approved") return `${who}: approved by ${of.by}: ${of.person_reason}`;
  if (of.by && of.status === "rejected") return `${who}: rejected by ${of.by}: ${of.person_reason}`;
  if (of.status === "rejected" && of.note) return `${who}: rejected, ${of.note}`;
  if (of.status === "approved" && of.note?.startsWith("nobody answered")) return `${who}: ${of.note}`;
  if (of.action === "probe" && of.status === "expired" && of.note) return `${who}: ${of.note.includes("refused") ? "failed, " : "over, "}${of.note}`;
  return `${who} (${of.status})`;
}

function line(message: LiveMessage): string {
  if (message.type === "decision") {
    return decided(message.data as unknown as Told);
  }
  if (message.type === "policy") {
    const { version, by, reason } = message.data as Record<string, string>;
    return `policy version ${version} by ${by}: ${reason}`;
  }
  return `person ${message.data.subscriber_id ?? "unknown"} ${SAYS[message.type] ?? message.type}`;
}

export function Feed({ messages }: { messages: LiveMessage[] }) {
  if (!messages.length) return <p className="empty">Nothing yet. Clicks, site visits, unsubscribes, complaints, dead addresses and decisions appear here as they happen.</p>;
  return (
    <ol className="feed scroll" tabIndex={0} aria-label="Events as they come, newest first">
      {messages.map((message) => (
        <li key={message.id} className={`feed-${message.type}`}>
          <span className="mono">{clock(message.at)}</span>
          <span className="tag">{message.isp ? ISP_NAME[message.isp] : message.type === "decision" || message.type === "policy" ? "IGNITE" : "Elsewhere"}</span>
          <span>{line(message)}</span>
        </li>
      ))}
    </ol>
  );
}
