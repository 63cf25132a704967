#include "storage/file_names.hpp"

#include <charconv>

namespace ldb::storage {
namespace {

std::string padded(std::uint64_t number) {
  std::string digits = std::to_string(number);
  return digits.size() < 6 ? std::string(6 - digits.size(), '0') + digits : digits;
}

bool parse_number(std::string_view digits, std::uint64_t& number) {
  if (digits.empty()) return false;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() && end == digits.data() + digits.size() && padded(number) == digits;
}

}  // namespace

FileName parse_file_name(std::string_view name) {
  FileName result;
  if (name == kCurrentName) return {FileType::kCurrent, 0};
  if (name == kLockName) return {FileType::kLock, 0};
  if (name.ends_with(".tmp")) {
    // Only what ldb itself leaves behind when a replacement is interrupted.
    const FileName base = parse_file_name(name.substr(0, name.size() - 4));
    if (base.type != FileType::kUnknown && base.type != FileType::kTemporary) return {FileType::kTemporary, base.number};
    return result;
  }
  if (name.starts_with("MANIFEST-") && parse_number(name.substr(9), result.number)) {
    result.type = FileType::kManifest;
  } else if (name.ends_with(".sst") && parse_number(name.substr(0, name.size() - 4), result.number)) {
    result.type = FileType::kTable;
  } else if (name.ends_with(".wal") && parse_number(name.substr(0, name.size() - 4), result.number)) {
    result.type = FileType::kLog;
  }
  return result;
}

std::string table_name(std::uint64_t number) { return padded(number) + ".sst"; }
std::string log_name(std::uint64_t number) { return padded(number) + ".wal"; }
std::string manifest_name(std::uint64_t number) { return "MANIFEST-" + padded(number); }

}  // namespace ldb::storage
