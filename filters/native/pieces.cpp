// Token ids of a text by the pieces that a byte-level tokenizer parts it into first. See
// pipelines/pieces.py, which asks the tokenizer itself for what cannot be known here.

#include <exception>
#include <memory>
#include <queue>
#include <unordered_map>
#include <utility>

#include "strings.h"

namespace cuvee {
namespace {

enum Class : uint8_t { kUnknown, kLetter, kNumber, kSpace, kOther };

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

// Joins the bytes of a piece by the merges of a byte-pair encoding (Sennrich et al. 2016), in the
// order of the tokenizers library (`Word::merge_all`): the pair of lowest rank first, of equal
// ones the leftmost, each by itself.
class Merges {
 public:
  Merges(const int32_t* bytes, const int32_t* merges, size_t count) : bytes_(bytes, bytes + 256) {
    joined_.reserve(count);
    for (size_t rank = 0; rank < count; ++rank, merges += 3)
      joined_[pair(merges[0], merges[1])] = {static_cast<int32_t>(rank), merges[2]};
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
      const auto found = joined_.find(pair(left.id, symbols_[left.next].id));
      if (found == joined_.end() || found->second.id != best.id) continue;  // it has changed since
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
  struct Join {
    int32_t rank, id;
  };
  struct Offer {
    int32_t rank, at, id;
    bool operator<(const Offer& other) const {  // the queue's top is the largest
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };

  static uint64_t pair(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }

  void offer(int32_t at, int32_t size) {
    const Symbol& left = symbols_[at];
    if (left.next >= size) return;
    const auto found = joined_.find(pair(left.id, symbols_[left.next].id));
    if (found != joined_.end()) queue_.push({found->second.rank, at, found->second.id});
  }

  std::vector<int32_t> bytes_;
  std::unordered_map<uint64_t, Join> joined_;
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

  Pieces(size_t most_pieces, size_t most_bytes)
      : classes_(0x110000, kUnknown), most_pieces_(most_pieces), most_bytes_(most_bytes) {
    for (int code = 0; code < 0x80; ++code) {
      const bool letter = (code | 32) >= 'a' && (code | 32) <= 'z';
      const bool space = (code >= 9 && code <= 13) || code == ' ';
      classes_[code] = letter ? kLetter : code >= '0' && code <= '9' ? kNumber
                                      : space                        ? kSpace
                                                                     : kOther;
    }
  }

  void classify(uint32_t code, uint8_t as) { classes_[code] = as; }

  void teach(const int32_t* bytes, const int32_t* merges, size_t count) {
    merges_ = std::make_unique<Merges>(bytes, merges, count);
  }

  void learn(std::string_view piece, const int32_t* first, size_t count) {
    const uint64_t hash = hash_of(piece);
    if (known_->pieces.find(piece, hash) == Numbered::kNone) known_->add(piece, hash, first, count);
  }

  // Returns how many tokens a text has; what is not known is in `unknown` or `strange` then.
  int64_t read(std::string_view text, bool keep) {
    if (known_->pieces.size() > most_pieces_ || known_->bytes() > most_bytes_) {
      older_ = std::move(known_);  // what comes again is taken from there
      known_ = std::make_unique<Known>();
    }
    ids.clear();
    unknown.clear();
    strange.clear();
    int64_t tokens = 0;
    const char *begin = text.data(), *end = begin + text.size();
    for (const char* at = begin; at < end;) {
      const char* start = at;
      at = piece_end(at, end);
      if (strange.empty()) tokens += add_piece({start, static_cast<size_t>(at - start)},
                                               start - begin, keep);
    }
    return tokens;
  }

 private:
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

  const char* skip(const char* at, const char* end, Class wanted) {
    for (int size; at < end && class_at(at, size) == wanted; at += size) continue;
    return at;
  }

  // The end of the piece that begins at `at`, by the pattern of GPT-2:
  // 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  const char* piece_end(const char* at, const char* end) {
    if (*at == '\'')
      if (const int size = contraction(at, end)) return at + size;
    int size;
    const Class first = class_at(at, size);
    if (first != kSpace) return skip(at, end, first);
    if (*at == ' ' && at + 1 < end) {
      const Class next = class_at(at + 1, size);
      if (next != kSpace) return skip(at + 1, end, next);
    }
    const char *last = at, *stop = at;
    for (; stop < end && class_at(stop, size) == kSpace; stop += size) last = stop;
    return stop == end || last == at ? stop : last;
  }

  static int contraction(const char* at, const char* end) {
    const std::string_view rest(at + 1, end - at - 1);
    if (rest.empty()) return 0;
    if (std::string_view("stmd").find(rest[0]) != std::string_view::npos) return 2;
    const auto two = rest.substr(0, 2);
    return two == "re" || two == "ve" || two == "ll" ? 3 : 0;
  }

  int64_t add_piece(std::string_view piece, int64_t begin, bool keep) {
    const uint64_t hash = hash_of(piece);
    int64_t number = known_->pieces.find(piece, hash);
    if (number == Numbered::kNone) {
      const int64_t old = older_ ? older_->pieces.find(piece, hash) : Numbered::kNone;
      if (old == Numbered::kNone && !merges_) {
        unknown.push_back(begin);
        unknown.push_back(begin + piece.size());
        return 0;
      }
      number = known_->pieces.size();
      if (old == Numbered::kNone) {
        made_.clear();
        merges_->encode(piece, made_);
        known_->add(piece, hash, made_.data(), made_.size());
      } else {
        const auto [first, count] = older_->parts[old];
        known_->add(piece, hash, older_->ids.data() + first, count);
      }
    }
    const auto [first, count] = known_->parts[number];
    if (keep) ids.insert(ids.end(), known_->ids.begin() + first, known_->ids.begin() + first + count);
    return count;
  }

  std::vector<uint8_t> classes_;
  std::vector<int32_t> made_;
  std::unique_ptr<Merges> merges_;  // none where the tokenizer is asked for new pieces
  const size_t most_pieces_, most_bytes_;
  std::unique_ptr<Known> known_ = std::make_unique<Known>(), older_;
};

}  // namespace cuvee

using cuvee::Pieces;

extern "C" {

Pieces* pieces_new(int64_t most_pieces, int64_t most_bytes) {
  try {
    return new Pieces(most_pieces, most_bytes);
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
