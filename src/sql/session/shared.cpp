#include "sql/session/shared.hpp"

#include "base/coding.hpp"
#include "txn/keys.hpp"

namespace ldb::sql {
namespace {

constexpr double kBytesPerRow = 60;       // of a stored row, for guessing
constexpr std::uint32_t kGuessUses = 64;  // a guess is made anew after that many uses

}  // namespace

double TableStatistics::table_rows(const Table& table) const {
  {
    rt::MutexLock lock(mutex_);
    Entry& entry = entries_[table.id];
    if (entry.counted || (entry.uses != 0 && entry.uses % kGuessUses != 0)) {
      ++entry.uses;
      return entry.rows;
    }
    entry.uses = 1;
  }
  const double rows = rows_ ? static_cast<double>(rows_->engine().approximate_size(keys::rows(table.id))) / kBytesPerRow : 1000;
  rt::MutexLock lock(mutex_);
  entries_[table.id].rows = rows;
  return rows;
}

void TableStatistics::set_counted(TableId table, double rows) {
  rt::MutexLock lock(mutex_);
  entries_[table] = {rows, true, 1};
}

std::string SharedState::new_row_key() {
  // Microseconds, pushed on where the clock stands still; the salt keeps nodes apart.
  const auto now = static_cast<std::uint64_t>(services.clock ? services.clock->wall_us() : 0);
  std::uint64_t last = row_keys.load();
  std::uint64_t next = 0;
  do {
    next = now > last ? now : last + 1;
  } while (!row_keys.compare_exchange_weak(last, next));
  std::string key;
  put_u64_be(key, next);
  put_u64_be(key, row_key_salt);
  return key;
}

}  // namespace ldb::sql
