/** The map, which is a topic too: `fleet:map` has a key for each street, park and river. */

import type { TopicEvent } from "../../../src/index.js";
import { Keyed } from "../../page/keyed.js";

/** Latitude and longitude, in degrees. */
export type Place = readonly [number, number];

export interface Feature {
  readonly kind: "avenue" | "street" | "park" | "river";
  readonly lines: readonly (readonly Place[])[];
}

interface Named {
  readonly name: string;
  feature: Feature | undefined;
}

/** South, west, north, east. */
export type Box = readonly [number, number, number, number];

export class Town {
  /** Grows with each change. */
  changes = 0;
  readonly #features = new Keyed<Named, Feature>(
    (name) => ({ name, feature: undefined }),
    (named, feature) => {
      named.feature = feature;
      this.changes++;
    },
  );

  take(event: TopicEvent<Feature>): void {
    this.#features.take(event);
  }

  of(kind: Feature["kind"]): readonly (Feature & { readonly name: string })[] {
    return [...this.#features.values.values()].flatMap(({ name, feature }) => {
      return feature?.kind === kind ? [{ ...feature, name }] : [];
    });
  }

  /** Around all streets; nothing before there are any. */
  get bounds(): Box | undefined {
    const places = [...this.of("avenue"), ...this.of("street")].flatMap(({ lines }) =>
      lines.flat(),
    );
    if (places.length === 0) return undefined;
    const [lats, lons] = [places.map(([lat]) => lat), places.map(([, lon]) => lon)];
    return [Math.min(...lats), Math.min(...lons), Math.max(...lats), Math.max(...lons)];
  }
}
