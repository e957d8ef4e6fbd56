"""hybridq.chem"""
