// Token ids of a text by the pieces that a byte-level tokenizer parts it into first. See
// pipelines/pieces.py, which asks the tokenizer itself for what cannot be known here.

#include <exception>
#include <memory>
#include <queue>
#include <utility>

#include "strings.h"

namespace cuvee {
namespace {

// Lu and Lt, Ll, Lm and Lo, M, N of Unicode; what is white; all else.
enum Class : uint8_t { kUnknown, kUpper, kLower, kBoth, kMark, kNumber, kSpace, kOther };

// How a text is parted: pipelines/patterns.py has the regular expressions.
enum Style : int64_t { kGpt2, kCl100k, kO200k };

struct Pattern {
  Style style;
  int64_t digits;  // at most so many in a piece
  bool to_end;     // whether white space that ends a text is one piece, lines or not
};

struct Known {
  Numbered pieces;
  std::vector<std::pair<uint32_t, uint32_t>> parts;  // of a piece: its first of `ids`, how many
  std::vector<int32_t> ids;

  size_t bytes() const { return pieces.bytes() + ids.size() * sizeof(int32_t); }

  void add(std::string_view piece, uint64_t hash, const int32_t* first, size_t count) {
    pieces.add(piece, hash);
    parts.emplace_back(ids.size(), count);
    ids.insert(ids.end(), first, first + count);
  }
};

struct Join {
  int32_t rank, id;
};

// What pairs of ids become, in one table: half of its places are empty, so few are looked at.
class Joins {
 public:
  explicit Joins(size_t count) {
    size_t places = 64;
    while (places < 2 * count) places *= 2;
    slots_.assign(places, {kNoPair, {}});
    mask_ = places - 1;
  }

  // Of a pair that is there already, the later one counts.
  void set(int32_t left, int32_t right, Join join) {
    slots_[place_of(pair(left, right))] = {pair(left, right), join};
  }

  // Null where a pair does not become anything.
  const Join* find(int32_t left, int32_t right) const {
    const Slot& slot = slots_[place_of(pair(left, right))];
    return slot.pair == kNoPair ? nullptr : &slot.join;
  }

 private:
  static constexpr uint64_t kNoPair = UINT64_MAX;  // ids are not negative
  struct Slot {
    uint64_t pair;
    Join join;
  };

  static uint64_t pair(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }

  size_t place_of(uint64_t pair) const {
    size_t place = mixed(pair ^ 0xA0761D6478BD642FULL, 0xE7037ED1A0B428DBULL) & mask_;
    while (slots_[place].pair != pair && slots_[place].pair != kNoPair) place = (place + 1) & mask_;
    return place;
  }

  std::vector<Slot> slots_;
  size_t mask_;
};

// Joins the bytes of a piece by the merges of a byte-pair encoding (Sennrich et al. 2016), in the
// order of the tokenizers library (`Word::merge_all`): the pair of lowest rank first, of equal
// ones the leftmost, each by itself.
class Merges {
 public:
  Merges(const int32_t* bytes, const int32_t* merges, size_t count)
      : bytes_(bytes, bytes + 256), joins_(count) {
    for (size_t rank = 0; rank < count; ++rank, merges += 3)
      joins_.set(merges[0], merges[1], {static_cast<int32_t>(rank), merges[2]});
  }

  void encode(std::string_view piece, std::vector<int32_t>& ids) {
    const int32_t size = static_cast<int32_t>(piece.size());
    symbols_.clear();
    for (int32_t at = 0; at < size; ++at)
      symbols_.push_back({bytes_[static_cast<unsigned char>(piece[at])], at - 1, at + 1});
    for (int32_t at = 0; at + 1 < size; ++at) offer(at, size);
    while (!queue_.empty()) {
      const Offer best = queue_.top();
      queue_.pop();
      Symbol& left = symbols_[best.at];
      if (left.id < 0 || left.next >= size) continue;
      const Join* found = joins_.find(left.id, symbols_[left.next].id);
      if (found == nullptr || found->id != best.id) continue;  // it has changed since
      Symbol& right = symbols_[left.next];
      left.id = best.id;
      left.next = right.next;
      right.id = kGone;
      if (left.next < size) symbols_[left.next].previous = best.at;
      if (left.previous >= 0) offer(left.previous, size);
      offer(best.at, size);
    }
    for (int32_t at = 0; at < size; at = symbols_[at].next) ids.push_back(symbols_[at].id);
  }

 private:
  static constexpr int32_t kGone = -1;
  struct Symbol {
    int32_t id, previous, next;
  };
  struct Offer {
    int32_t rank, at, id;
    bool operator<(const Offer& other) const {  // the queue's top is the largest
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };

  void offer(int32_t at, int32_t size) {
    const Symbol& left = symbols_[at];
    if (left.next >= size) return;
    const Join* found = joins_.find(left.id, symbols_[left.next].id);
    if (found != nullptr) queue_.push({found->rank, at, found->id});
  }

  std::vector<int32_t> bytes_;
  Joins joins_;
  std::vector<Symbol> symbols_;
  std::priority_queue<Offer> queue_;
};

struct Character {
  uint32_t code;
  int size;
};

// The text is valid UTF-8.
Character character_at(const char* at) {
  const auto byte = [&](int n) { return static_cast<uint32_t>(static_cast<unsigned char>(at[n])); };
  const auto more = [&](int n) { return byte(n) & 0x3F; };
  if (byte(0) < 0x80) return {byte(0), 1};
  if (byte(0) < 0xE0) return {(byte(0) & 0x1F) << 6 | more(1), 2};
  if (byte(0) < 0xF0) return {(byte(0) & 0x0F) << 12 | more(1) << 6 | more(2), 3};
  return {(byte(0) & 0x07) << 18 | more(1) << 12 | more(2) << 6 | more(3), 4};
}

}  // namespace

class Pieces {
 public:
  std::vector<int32_t> ids;
  std::vector<int64_t> unknown;  // begin and end of each piece that is not known
  std::vector<int64_t> strange;  // characters of which the class is not known

  Pieces(size_t most_pieces, size_t most_bytes, Pattern pattern)
      : classes_(0x110000, kUnknown),
        pattern_(pattern),
        most_pieces_(most_pieces),
        most_bytes_(most_bytes) {
    for (int code = 0; code < 0x80; ++code) {
      const bool space = (code >= 9 && code <= 13) || code == ' ';
      classes_[code] = code >= 'A' && code <= 'Z'   ? kUpper
                       : code >= 'a' && code <= 'z' ? kLower
                       : code >= '0' && code <= '9' ? kNumber
                       : space                      ? kSpace
                                                    : kOther;
    }
  }

  void classify(uint32_t code, uint8_t as) { classes_[code] = as; }

  void teach(const int32_t* bytes, const int32_t* merges, size_t count) {
    merges_ = std::make_unique<Merges>(bytes, merges, count);
  }

  // Pieces that are a token as they are, whatever the merges say.
  void teach_whole(const char* text, const int64_t* ends, const int32_t* ids, size_t count) {
    int64_t begin = 0;
    for (size_t number = 0; number < count; begin = ends[number++]) {
      const std::string_view piece(text + begin, ends[number] - begin);
      const uint64_t hash = hash_of(piece);
      if (whole_.find(piece, hash) != Numbered::kNone) continue;
      whole_.add(piece, hash);
      whole_ids_.push_back(ids[number]);
    }
  }

  void learn(std::string_view piece, const int32_t* first, size_t count) {
    const uint64_t hash = hash_of(piece);
    if (known_->pieces.find(piece, hash) == Numbered::kNone) known_->add(piece, hash, first, count);
  }

  // Returns how many tokens a text has; what is not known is in `unknown` or `strange` then.
  int64_t read(std::string_view text, bool keep) {
    forget();
    ids.clear();
    unknown.clear();
    strange.clear();
    waiting_.clear();
    int64_t tokens = 0;
    const char *begin = text.data(), *end = begin + text.size();
    for (const char* at = begin; at < end;) {
      const char* start = at;
      at = piece_end(at, end);
      waiting_.add({start, static_cast<size_t>(at - start)}, known_->pieces);
      if (waiting_.full()) tokens += add_waiting(begin, keep);
    }
    return tokens + add_waiting(begin, keep);
  }

 private:
  int64_t add_waiting(const char* begin, bool keep) {
    int64_t tokens = 0;
    if (strange.empty()) {
      waiting_.each(known_->pieces, known_->parts, [&](std::string_view piece, uint64_t hash) {
        tokens += add_piece(piece, hash, piece.data() - begin, keep);
      });
    }
    waiting_.clear();
    return tokens;
  }

  Class class_at(const char* at, int& size) {
    const Character character = character_at(at);
    size = character.size;
    const uint8_t found = classes_[character.code];
    if (found == kUnknown) {
      strange.push_back(character.code);
      return kOther;
    }
    return static_cast<Class>(found);
  }

  // The class of the character at `at`; kUnknown at the end.
  Class next_class(const char* at, const char* end, int& size) {
    size = 0;
    return at < end ? class_at(at, size) : kUnknown;
  }

  static bool is_letter(Class found) { return found >= kUpper && found <= kBoth; }
  static bool is_other(Class found) { return found == kOther || found == kMark; }

  template <typename Wanted>
  const char* skip(const char* at, const char* end, Wanted wanted) {
    for (int size; at < end && wanted(class_at(at, size)); at += size) continue;
    return at;
  }

  const char* numbers(const char* at, const char* end) {
    int size;
    for (int64_t n = 0; n < pattern_.digits && next_class(at, end, size) == kNumber; ++n) at += size;
    return at;
  }

  // The end of the piece that begins at `at`.
  const char* piece_end(const char* at, const char* end) {
    return pattern_.style == kGpt2     ? gpt2_end(at, end)
           : pattern_.style == kCl100k ? cl100k_end(at, end)
                                       : o200k_end(at, end);
  }

  // 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  const char* gpt2_end(const char* at, const char* end) {
    if (*at == '\'')
      if (const int size = contraction(at, end)) return at + size;
    int size;
    const Class first = class_at(at, size);
    if (first != kSpace) return alike(at, end, first);
    if (*at == ' ') {
      const Class next = next_class(at + 1, end, size);
      if (next != kSpace && next != kUnknown) return alike(at + 1, end, next);
    }
    return white_end(at, end);
  }

  const char* alike(const char* at, const char* end, Class as) {
    if (is_letter(as)) return skip(at, end, is_letter);
    if (as == kNumber) return skip(at, end, [](Class found) { return found == kNumber; });
    return skip(at, end, is_other);
  }

  // (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*
  // |\s*[\r\n]+|\s+(?!\S)|\s+
  const char* cl100k_end(const char* at, const char* end) {
    if (*at == '\'')
      if (const int size = folded_contraction(at, end)) return at + size;
    int size, next_size;
    const Class first = class_at(at, size);
    if (is_letter(first)) return skip(at, end, is_letter);
    if (first == kNumber) return numbers(at, end);
    const Class next = next_class(at + size, end, next_size);
    if (*at != '\r' && *at != '\n' && is_letter(next)) return skip(at + size, end, is_letter);
    return rest_end(at, end, first, next);
  }

  // With U for [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] and W for [\p{Ll}\p{Lm}\p{Lo}\p{M}]:
  // [^\r\n\p{L}\p{N}]?U*W+(?i:'s|…)?|[^\r\n\p{L}\p{N}]?U+W*(?i:'s|…)?|\p{N}{1,3}
  // | ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
  const char* o200k_end(const char* at, const char* end) {
    int size, next_size;
    const Class first = class_at(at, size);
    if (first == kNumber) return numbers(at, end);
    if (is_letter(first)) return suffixed(word_end(at, end), end);
    const Class next = next_class(at + size, end, next_size);
    const bool may_lead = *at != '\r' && *at != '\n';
    if (may_lead && (is_letter(next) || next == kMark)) {
      bool is_lower;
      const char* stop = word_end(at + size, end, is_lower);
      // A mark is a word by itself where what follows is in capitals alone.
      if (is_lower || first != kMark) return suffixed(stop, end);
    }
    if (first == kMark) return suffixed(at + size, end);
    return rest_end(at, end, first, next);
  }

  static bool is_upper(Class found) { return found == kUpper || found == kBoth || found == kMark; }
  static bool is_lower(Class found) { return found == kLower || found == kBoth || found == kMark; }

  const char* word_end(const char* at, const char* end) {
    bool is_lower;
    return word_end(at, end, is_lower);
  }

  // The end of U*W+, or else of U+; `has_lower` says of which. One of them is there.
  const char* word_end(const char* at, const char* end, bool& has_lower) {
    const char* after_last = nullptr;  // of those in W among the first ones, which all are in U
    int size;
    for (; at < end && is_upper(class_at(at, size)); at += size)
      if (class_at(at, size) != kUpper) after_last = at + size;
    const char* stop = skip(at, end, is_lower);
    has_lower = stop != at || after_last;
    return stop != at ? stop : after_last ? after_last : at;
  }

  const char* suffixed(const char* at, const char* end) {
    return at < end && *at == '\'' ? at + folded_contraction(at, end) : at;
  }

  // What is no word and no number.
  const char* rest_end(const char* at, const char* end, Class first, Class next) {
    if (is_other(first) || (*at == ' ' && is_other(next))) {
      at = skip(is_other(first) ? at : at + 1, end, is_other);
      const bool slash = pattern_.style == kO200k;
      while (at < end && (*at == '\r' || *at == '\n' || (slash && *at == '/'))) ++at;
      return at;
    }
    const char *stop = at, *line = nullptr;
    for (int size; stop < end && class_at(stop, size) == kSpace; stop += size)
      if (*stop == '\r' || *stop == '\n') line = stop + 1;
    return line && !(pattern_.to_end && stop == end) ? line : white_end(at, end);
  }

  // \s+(?!\S)|\s+
  const char* white_end(const char* at, const char* end) {
    const char *last = at, *stop = at;
    for (int size; stop < end && class_at(stop, size) == kSpace; stop += size) last = stop;
    return stop == end || last == at ? stop : last;
  }

  static int contraction(const char* at, const char* end) {
    const std::string_view rest(at + 1, end - at - 1);
    if (rest.empty()) return 0;
    if (std::string_view("stmd").find(rest[0]) != std::string_view::npos) return 2;
    const auto two = rest.substr(0, 2);
    return two == "re" || two == "ve" || two == "ll" ? 3 : 0;
  }

  // The same whatever the case; a long s (U+017F) is an s then.
  static int folded_contraction(const char* at, const char* end) {
    char folded[3] = {'\'', 0, 0};
    const int size = static_cast<int>(end - at < 3 ? end - at : 3);
    if (size == 3 && at[1] == '\xC5' && at[2] == '\xBF') return 3;
    for (int n = 1; n < size; ++n) folded[n] = at[n] >= 'A' && at[n] <= 'Z' ? at[n] | 32 : at[n];
    return contraction(folded, folded + size);
  }

  int64_t add_piece(std::string_view piece, uint64_t hash, int64_t begin, bool keep) {
    int64_t number = known_->pieces.find(piece, hash);
    if (number == Numbered::kNone) {
      const int64_t old = older_ ? older_->pieces.find(piece, hash) : Numbered::kNone;
      if (old == Numbered::kNone && !merges_) {
        unknown.push_back(begin);
        unknown.push_back(begin + piece.size());
        return 0;
      }
      made_.clear();
      if (old == Numbered::kNone) {
        encode(piece, hash);
      } else {
        const auto [first, count] = older_->parts[old];
        made_.assign(older_->ids.begin() + first, older_->ids.begin() + first + count);
      }
      if (merges_) forget();  // else a text would never be known as a whole
      number = known_->pieces.size();
      known_->add(piece, hash, made_.data(), made_.size());
    }
    const auto [first, count] = known_->parts[number];
    if (keep) ids.insert(ids.end(), known_->ids.begin() + first, known_->ids.begin() + first + count);
    return count;
  }

  void encode(std::string_view piece, uint64_t hash) {
    const int64_t token = whole_.find(piece, hash);
    if (token == Numbered::kNone)
      merges_->encode(piece, made_);
    else
      made_.push_back(whole_ids_[token]);
  }

  // Keeps memory bounded: what comes again is taken from what is older.
  void forget() {
    if (known_->pieces.size() <= most_pieces_ && known_->bytes() <= most_bytes_) return;
    older_ = std::move(known_);
    known_ = std::make_unique<Known>();
  }

  std::vector<uint8_t> classes_;
  Together waiting_;
  const Pattern pattern_;
  std::vector<int32_t> made_;
  std::unique_ptr<Merges> merges_;  // none where the tokenizer is asked for new pieces
  Numbered whole_;
  std::vector<int32_t> whole_ids_;
  const size_t most_pieces_, most_bytes_;
  std::unique_ptr<Known> known_ = std::make_unique<Known>(), older_;
};

}  // namespace cuvee

using cuvee::Pieces;

extern "C" {

Pieces* pieces_new(int64_t most_pieces, int64_t most_bytes, int64_t style, int64_t digits,
                   int64_t to_end) {
  try {
    return new Pieces(most_pieces, most_bytes,
                      {static_cast<cuvee::Style>(style), digits, to_end != 0});
  } catch (const std::exception&) {
    return nullptr;
  }
}

void pieces_free(Pieces* pieces) { delete pieces; }

void pieces_classify(Pieces* pieces, int64_t code, int64_t as) { pieces->classify(code, as); }

// `bytes` has the id of each byte, `merges` left, right and joined id of each pair, best first.
int64_t pieces_teach(Pieces* pieces, const int32_t* bytes, const int32_t* merges, int64_t count) {
  try {
    pieces->teach(bytes, merges, count);
    return 0;
  } catch (const std::exception&) {
    return -1;
  }
}

// Tokens that a piece is as it is: their bytes, where each ends, and their ids.
int64_t pieces_teach_whole(Pieces* pieces, const char* text, const int64_t* ends,
                           const int32_t* ids, int64_t count) {
  try {
    pieces->teach_whole(text, ends, ids, count);
    return 0;
  } catch (const std::exception&) {
    return -1;
  }
}

int64_t pieces_learn(Pieces* pieces, const char* piece, int64_t size, const int32_t* ids,
                     int64_t count) {
  try {
    pieces->learn({piece, static_cast<size_t>(size)}, ids, count);
    return 0;
  } catch (const std::exception&) {
    return -1;
  }
}

// Returns the number of tokens, or -1 where something is unknown, -2 without memory. The ids
// are at `pieces_ids` if they are to be kept.
int64_t pieces_read(Pieces* pieces, const char* text, int64_t size, int64_t keep) {
  try {
    const int64_t tokens = pieces->read({text, static_cast<size_t>(size)}, keep != 0);
    return pieces->unknown.empty() && pieces->strange.empty() ? tokens : -1;
  } catch (const std::exception&) {
    return -2;
  }
}

const int32_t* pieces_ids(const Pieces* pieces) { return pieces->ids.data(); }

// Bounds of the unknown pieces (`which` 0), or unknown characters (1); their count is written.
const int64_t* pieces_unknown(const Pieces* pieces, int64_t which, int64_t* count) {
  const auto& found = which ? pieces->strange : pieces->unknown;
  *count = found.size();
  return found.data();
}

}  // extern "C"
