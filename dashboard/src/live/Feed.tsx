import { ISP_NAME, type LiveMessage } from "./api";
import { clock } from "./format";

const SAYS: Record<string, string> = {
  hard_bounced: "address is dead, suppressed", complained: "complained, suppressed", unsubscribed: "unsubscribed",
  clicked: "clicked a link", page_view: "viewed the site", session_end: "left the site",
};

function line(message: LiveMessage): string {
  if (message.type === "decision") {
    const { action, agent, target, status } = message.data as Record<string, string>;
    return `${agent} agent: ${action?.replaceAll("_", " ")} ${target} (${status})`;
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
          <span className="tag">{message.isp ? ISP_NAME[message.isp] : "Elsewhere"}</span>
          <span>{line(message)}</span>
        </li>
      ))}
    </ol>
  );
}
