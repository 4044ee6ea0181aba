/** Where nodes are, and how far from each other. */

/** Degrees. (0, 0) stands for "unknown". */
export interface Coordinates {
  readonly latitude: number
  readonly longitude: number
}

/** Distances a search may estimate by. All of them are metrics (the way over a third point is never shorter), which makes estimates consistent. */
export type DistanceKind = 'great_circle' | 'euclidean' | 'manhattan' | 'zero'

const EARTH_RADIUS_KM = 6_371

export function isKnown({ latitude, longitude }: Coordinates): boolean {
  return latitude !== 0 || longitude !== 0
}

/** Kilometres along the surface (haversine formula). */
export function greatCircleKm(a: Coordinates, b: Coordinates): number {
  const latitudes = Math.sin(radians(b.latitude - a.latitude) / 2)
  const longitudes = Math.sin(radians(b.longitude - a.longitude) / 2)
  const h = latitudes * latitudes + Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * longitudes * longitudes
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(h)))
}

/** Kilometres, or degrees in the plane of longitude and latitude; the scale of a distance does not matter to a search. */
export const distances: Readonly<Record<DistanceKind, (a: Coordinates, b: Coordinates) => number>> = {
  great_circle: greatCircleKm,
  euclidean: (a, b) => Math.hypot(a.latitude - b.latitude, a.longitude - b.longitude),
  manhattan: (a, b) => Math.abs(a.latitude - b.latitude) + Math.abs(a.longitude - b.longitude),
  zero: () => 0,
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180
}
