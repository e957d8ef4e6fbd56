"""hybridq.loops"""
