// libFuzzer's way into one target (LDB_FUZZ_TARGET).
#include <cstddef>
#include <cstdint>

#include "fuzz/targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ldb::fuzz::LDB_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
