import { describe, expect, it } from 'vitest'
import { decodeConsensusProposal, decodeConsensusVote, encodeConsensusProposal, encodeConsensusVote } from './consensus.ts'

const PROPOSAL =
  '{"role":"consensus-proposal","proposal_id":"proposal_ws://a:1_1790000060_412","proposer_node_id":"ws://a:1","state_key":"limits.max","proposed_value":{"value":250.0,"vector_clock":{"ws://a:1":1},"node_id":"ws://a:1","timestamp":1790000060.0},"required_votes":2,"consensus_deadline":1790000090.0,"u":"1","cluster_id":"harbor"}'
const VOTE = '{"role":"consensus-vote","proposal_id":"p","vote":true,"voter_id":"ws://b:1","u":"1","cluster_id":"harbor"}'

describe('consensus frames', () => {
  it('survive reading and writing', () => {
    expect(encodeConsensusProposal(decodeConsensusProposal(JSON.parse(PROPOSAL), PROPOSAL))).toBe(PROPOSAL)
    expect(encodeConsensusVote(decodeConsensusVote(JSON.parse(VOTE), VOTE))).toBe(VOTE)
  })

  it.each(Object.keys(JSON.parse(PROPOSAL)))('a proposal needs %s', (member) => {
    const { [member]: _, ...rest } = JSON.parse(PROPOSAL)
    expect(() => decodeConsensusProposal(rest, JSON.stringify(rest))).toThrow(`${member} is required`)
  })

  it.each(Object.keys(JSON.parse(VOTE)))('a vote needs %s', (member) => {
    const { [member]: _, ...rest } = JSON.parse(VOTE)
    expect(() => decodeConsensusVote(rest, JSON.stringify(rest))).toThrow(`${member} is required`)
  })
})
