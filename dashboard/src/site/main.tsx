import { createRoot } from "react-dom/client";
import { EmailTracker } from "./EmailTracker";
import { Landing } from "./Landing";
import "./site.css";

createRoot(document.getElementById("root")!).render(<><Landing /><EmailTracker /></>);
