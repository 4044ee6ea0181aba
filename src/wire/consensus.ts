/** Proposals and votes that directly connected nodes exchange; there is no answer to either. */
import { bool, clock, float, id, int, literal, type Reading, type RecordOf, raw, record, text } from './fields.ts'

/** A value and where it stands in causal order. */
export const consensusValue = record({ value: raw('null'), vector_clock: clock, node_id: text(), timestamp: float() })
export type ConsensusValue = RecordOf<typeof consensusValue>

const proposal = {
  proposal_id: id,
  proposer_node_id: id,
  state_key: text(),
  proposed_value: consensusValue,
  required_votes: int(),
  /** Unix seconds. */
  consensus_deadline: float(),
}

/** The proposal as it travels by gossip. */
export const consensusProposalObject = record(proposal)
export type ConsensusProposalObject = RecordOf<typeof consensusProposalObject>

export const consensusProposal = record({ role: literal('consensus-proposal'), ...proposal, u: text(), cluster_id: text() })
export type ConsensusProposal = RecordOf<typeof consensusProposal>

export const consensusVote = record({
  role: literal('consensus-vote'),
  proposal_id: id,
  vote: bool(),
  voter_id: id,
  u: text(),
  cluster_id: text(),
})
export type ConsensusVote = RecordOf<typeof consensusVote>

/** @throws FrameError */
export function decodeConsensusProposal(parsed: unknown, frameText: string): ConsensusProposal {
  return consensusProposal.read(parsed, frameReading(frameText), 0)
}

/** @throws FrameError */
export function decodeConsensusVote(parsed: unknown, frameText: string): ConsensusVote {
  return consensusVote.read(parsed, frameReading(frameText), 0)
}

export function encodeConsensusProposal(frame: ConsensusProposal): string {
  return consensusProposal.write(frame)
}

export function encodeConsensusVote(frame: ConsensusVote): string {
  return consensusVote.write(frame)
}

/** Nothing in these frames defaults to the clock or may be left out. */
function frameReading(frameText: string): Reading {
  return { text: frameText, now: 0, dropped: [] }
}
