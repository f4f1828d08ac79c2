//! Several who write one file.
