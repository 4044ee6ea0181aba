/** Preloaded into a process (`--import`): its wall clock is wrong by SHIFTED_CLOCK_SECONDS, and runs on from there. Durations stay right. */
const shiftMs = Number(process.env.SHIFTED_CLOCK_SECONDS ?? 0) * 1000
const rightNow = Date.now
Date.now = () => rightNow() + shiftMs
