// Bytes that nobody wrote, and damage to those that somebody did.
#pragma once

#include <cstdint>
#include <string>

#include "base/random.hpp"

namespace ldb::test {

inline std::string random_bytes(Random& random, std::size_t most) {
  std::string bytes(random.below(most + 1), '\0');
  for (char& c : bytes) c = static_cast<char>(random.one_in(4) ? random.below(4) : random.below(256));
  return bytes;
}

inline void mutate(Random& random, std::string& bytes) {
  for (std::uint64_t n = 1 + random.below(4); n > 0 && !bytes.empty(); --n) {
    const std::size_t at = random.below(bytes.size());
    switch (random.below(3)) {
      case 0:
        bytes[at] = static_cast<char>(random.below(256));
        break;
      case 1:
        bytes.erase(at, 1 + random.below(8));
        break;
      default:
        bytes.insert(at, random_bytes(random, 8));
        break;
    }
  }
}

}  // namespace ldb::test
