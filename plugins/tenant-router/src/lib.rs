//! Routes a request to labelled instances by a header.
