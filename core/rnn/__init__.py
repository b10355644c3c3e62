"""Where networks learn: the samplers, the network from its formulas, its training, in torch."""
