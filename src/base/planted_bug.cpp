#include "base/planted_bug.hpp"

namespace ldb {

#if defined(LDB_PLANTED_BUGS)
namespace {
PlantedBug planted_bug = PlantedBug::kNone;  // set once before the simulation starts
}
bool planted(PlantedBug bug) { return planted_bug == bug; }
void plant(PlantedBug bug) { planted_bug = bug; }
#endif

std::optional<PlantedBug> parse_planted_bug(std::string_view name) {
  if (name == "apply") return PlantedBug::kApplyLastArrivalWins;
  if (name == "streaming") return PlantedBug::kStreamSkipsNextCommit;
  if (name == "recovery") return PlantedBug::kRecoverySkipsFirstBatch;
  if (name == "collection") return PlantedBug::kCollectionSkipsAMember;
  if (name == "index") return PlantedBug::kIndexKeepsOldEntry;
  return std::nullopt;
}

}  // namespace ldb
