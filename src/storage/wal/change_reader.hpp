// ldb::ChangeReader over the log's segments.
#pragma once

#include "storage/wal/log.hpp"

namespace ldb::storage {

/// The log must outlive it.
std::unique_ptr<ChangeReader> new_change_reader(FileSystem& fs, const Log& log, LogPosition from);

}  // namespace ldb::storage
