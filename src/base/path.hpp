// Paths as strings: '/'-separated, no "." parts, no doubled or trailing slashes.
#pragma once

#include <string>
#include <string_view>

namespace ldb {

/// Drops "." parts and superfluous slashes, resolves ".." by text. "" and "." become ".".
std::string normalize_path(std::string_view path);
/// "a/b" -> "a", "a" -> ".", "/a" -> "/". Expects a normalized path.
std::string parent_path(std::string_view path);
/// "a/b" -> "b". Expects a normalized path.
std::string_view file_name(std::string_view path);
/// Puts a slash between, unless `directory` is "." or ends with one.
std::string join_path(std::string_view directory, std::string_view name);
/// Does `path` lie strictly inside `directory`? Expects normalized paths, both absolute or both relative.
bool is_inside(std::string_view path, std::string_view directory);

}  // namespace ldb
