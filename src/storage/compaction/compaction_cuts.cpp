#include "storage/compaction/compaction_cuts.hpp"

#include <algorithm>

namespace ldb::storage {

std::vector<std::string> find_cuts(std::vector<KeyAnchor> anchors, std::uint64_t least_bytes, unsigned most) {
  std::uint64_t total = 0;
  for (const KeyAnchor& anchor : anchors) total += anchor.bytes;
  const std::uint64_t pieces = std::min<std::uint64_t>(most, total / std::max<std::uint64_t>(least_bytes, 1));
  std::vector<std::string> cuts;
  if (pieces < 2) return cuts;
  std::sort(anchors.begin(), anchors.end(), [](const KeyAnchor& a, const KeyAnchor& b) { return a.key < b.key; });
  std::uint64_t before = 0;
  for (const KeyAnchor& anchor : anchors) {
    before += anchor.bytes;
    if (cuts.size() + 1 == pieces || anchor.key == anchors.back().key) break;
    if (before * pieces >= total * (cuts.size() + 1) && (cuts.empty() || cuts.back() != anchor.key)) cuts.push_back(anchor.key);
  }
  return cuts;
}

}  // namespace ldb::storage
