import type { Open } from "./circuit.js"

/** The circuits that are open. */
export class OpenCircuits {
  private readonly circuits = new Map<string, Open>()

  get(key: string): Open | undefined {
    return this.circuits.get(key)
  }

  open(key: string, { until, waitMs }: Omit<Open, "probe">, probeId?: string): void {
    const known = this.circuits.get(key)
    this.circuits.set(key, {
      until: Math.max(until, known?.until ?? until),
      waitMs: Math.max(waitMs, known?.waitMs ?? waitMs),
      probe: known?.probe?.id === probeId ? undefined : known?.probe
    })
  }

  close(key: string): void {
    this.circuits.delete(key)
  }

  /** Begins a probe, if the circuit is half-open and no other keeps it from probing. */
  probe(key: string, id: string, now: number, probeMs: number): boolean {
    const known = this.circuits.get(key)
    if (known === undefined || now < known.until) return false
    if (known.probe !== undefined && now < known.probe.until) return false
    this.circuits.set(key, { ...known, probe: { id, until: now + probeMs } })
    return true
  }

  release(key: string, probeId: string): void {
    const known = this.circuits.get(key)
    if (known?.probe?.id === probeId) this.circuits.set(key, { ...known, probe: undefined })
  }
}
