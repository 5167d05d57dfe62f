/** What part of the fleet one looks at, and the view that shows it. */

import type { Duration, ViewOptions } from "../../../src/index.js";
import type { Box } from "./town.js";

export class Lens {
  /** What the map shows; nothing for all there is. */
  region: Box | undefined;
  hasAlertsOnly = false;
  /** Empty for every update. */
  pace: Duration | "" = "";

  get view(): ViewOptions {
    const region = this.region?.map((degrees) => degrees.toFixed(4)).join(", ");
    const within = region && `geo.within(data.lat, data.lon, box(${region}))`;
    const filter = [within, this.hasAlertsOnly && 'data.alert != ""'].filter(Boolean).join(" && ");
    return { ...(filter && { filter }), ...(this.pace && { interval: this.pace }) };
  }
}
