// What tells one library from another.

#include <cstdint>

extern "C" {

int64_t kernels_version() { return CUVEE_VERSION; }

// Digest of the sources that it was compiled from.
const char* kernels_sources() { return CUVEE_SOURCES; }

}  // extern "C"
