/** `/topology…`: the fabric as a graph. */
import { monitoringAnswers } from '../../wire/index.ts'
import type { MonitorContext } from '../context.ts'
import type { MonitorRoute } from '../route.ts'
import { routingPathsBody, topologyAnalysisBody, topologyBody } from '../topology.ts'
import { answer } from './answer.ts'

export function topologyRoutes(context: MonitorContext): MonitorRoute[] {
  return [
    {
      method: 'GET',
      path: '/topology',
      description: 'Nodes, links and clusters, with the measures of the graph they form',
      answer: monitoringAnswers['/topology'],
      reply: () => answer(context, { topology: topologyBody(context.graph()) }),
    },
    {
      method: 'GET',
      path: '/topology/graph',
      description: 'Nodes and links to draw',
      answer: monitoringAnswers['/topology/graph'],
      reply() {
        const { graph, measuredAt } = context.graph()
        const graph_data = { nodes: graph.nodes, edges: graph.edges.length, edge_list: graph.edges, timestamp: measuredAt }
        return { status: 'ok', graph_data, visualization_ready: true }
      },
    },
    {
      method: 'GET',
      path: '/topology/paths',
      description: 'How long paths are, and how many links are spare',
      answer: monitoringAnswers['/topology/paths'],
      reply() {
        const measured = context.graph()
        return { status: 'ok', routing_paths: routingPathsBody(measured), timestamp: measured.measuredAt }
      },
    },
    {
      method: 'GET',
      path: '/topology/analysis',
      description: 'What is weak in the topology, and what would help',
      answer: monitoringAnswers['/topology/analysis'],
      reply() {
        const measured = context.graph()
        return { status: 'ok', analysis: topologyAnalysisBody(measured), timestamp: measured.measuredAt }
      },
    },
  ]
}
