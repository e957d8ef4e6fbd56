"""What ``hybridq doctor`` looks at, one file for each subject; none of it starts MPI or uses a GPU in this process."""
