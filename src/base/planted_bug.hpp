// Switches for planted bugs: one-line mistakes that the simulation must find (scripts/planted-bugs). They exist only in builds
// with LDB_PLANTED_BUGS; elsewhere the condition is the constant false and the mistake is compiled away.
#pragma once

#include <optional>
#include <string_view>

namespace ldb {

enum class PlantedBug : int {
  kNone = 0,
  kApplyLastArrivalWins,     ///< apply: of two concurrent cells the one that arrives later wins
  kStreamSkipsNextCommit,    ///< streaming: off by one in what the receiver has
  kRecoverySkipsFirstBatch,  ///< recovery: the first batch of the log is not replayed
  kCollectionSkipsAMember,   ///< collection: one member's marker is left out of the stable vector
  kIndexKeepsOldEntry,       ///< index maintenance: an update leaves the old entry behind
};

#if defined(LDB_PLANTED_BUGS)
bool planted(PlantedBug bug);
void plant(PlantedBug bug);
#else
constexpr bool planted(PlantedBug) { return false; }
#endif

/// "apply", "streaming", "recovery", "collection", "index".
std::optional<PlantedBug> parse_planted_bug(std::string_view name);

}  // namespace ldb
