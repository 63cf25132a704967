// Sequences and their options, which identity columns share.
#include "sql/parse/grammar.hpp"

namespace ldb::sql {

using namespace ast;

const Literal* Grammar::parse_number() {
  Position position = token_.position;
  bool negative = at(TokenKind::kMinus);
  if (at(TokenKind::kMinus) || at(TokenKind::kPlus)) advance();
  if (!at(TokenKind::kInteger) && !at(TokenKind::kDecimal)) fail_syntax();
  E literal = number_literal(token_.text, negative, position);
  advance();
  return literal->as<Literal>();
}

// One option; false when there is none. An option may come only once.
bool Grammar::parse_sequence_option(SequenceOptions& options) {
  Position position = token_.position;
  auto once = [&](bool already) {
    if (already) fail("42601", "conflicting or redundant options", position);
  };
  if (accept(Keyword::kAs)) {
    once(options.type != nullptr);
    options.type = parse_type();
  } else if (accept(Keyword::kIncrement)) {
    once(options.increment != nullptr);
    accept(Keyword::kBy);
    options.increment = parse_number();
  } else if (accept(Keyword::kMinvalue)) {
    once(options.min_value != nullptr || options.no_min_value);
    options.min_value = parse_number();
  } else if (accept(Keyword::kMaxvalue)) {
    once(options.max_value != nullptr || options.no_max_value);
    options.max_value = parse_number();
  } else if (accept(Keyword::kStart)) {
    once(options.start != nullptr);
    accept(Keyword::kWith);
    options.start = parse_number();
  } else if (accept(Keyword::kCache)) {
    once(options.cache != nullptr);
    options.cache = parse_number();
  } else if (accept(Keyword::kCycle)) {
    once(options.has_cycle);
    options.has_cycle = options.cycle = true;
  } else if (accept(Keyword::kRestart)) {
    once(options.restart);
    options.restart = true;
    bool value = accept(Keyword::kWith) || at(TokenKind::kInteger) || at(TokenKind::kDecimal) || at(TokenKind::kMinus) ||
                 at(TokenKind::kPlus);
    if (value) options.restart_with = parse_number();
  } else if (accept(Keyword::kOwned)) {
    once(options.has_owned_by);
    expect(Keyword::kBy);
    parse_owned_by(options);
  } else if (accept(Keyword::kSequence)) {
    once(!options.sequence_name.name.empty());
    expect(Keyword::kName);
    options.sequence_name = parse_qualified_name();
  } else if (accept(Keyword::kNo)) {
    if (accept(Keyword::kMinvalue)) {
      once(options.min_value != nullptr || options.no_min_value);
      options.no_min_value = true;
    } else if (accept(Keyword::kMaxvalue)) {
      once(options.max_value != nullptr || options.no_max_value);
      options.no_max_value = true;
    } else {
      expect(Keyword::kCycle);
      once(options.has_cycle);
      options.has_cycle = true;
    }
  } else {
    return false;
  }
  return true;
}

// NONE, or [schema.]table.column
void Grammar::parse_owned_by(SequenceOptions& options) {
  options.has_owned_by = true;
  if (at(Keyword::kNone) && peek().kind != TokenKind::kDot) {
    advance();
    return;
  }
  ListBuilder<std::string_view, 4> parts(arena_);
  parts.push(parse_column_name());
  while (accept(TokenKind::kDot)) parts.push(parse_any_word());
  options.owned_by = parts.finish();
}

const SequenceOptions* Grammar::parse_parenthesized_sequence_options() {
  auto* options = arena_.make<SequenceOptions>();
  expect(TokenKind::kLeftParen);
  if (!parse_sequence_option(*options)) fail_syntax();
  while (parse_sequence_option(*options)) {
  }
  expect(TokenKind::kRightParen);
  return options;
}

const Statement* Grammar::parse_create_sequence(Persistence persistence) {
  auto* sequence = statement<CreateSequence>();
  sequence->persistence = persistence;
  advance();
  sequence->if_not_exists = accept_if_not_exists();
  sequence->name = parse_qualified_name();
  while (parse_sequence_option(sequence->options)) {
  }
  return sequence;
}

}  // namespace ldb::sql
