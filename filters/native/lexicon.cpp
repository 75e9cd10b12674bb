// The words of a text, looked up by whitespace-separated chunk. See filters/lexicon.py, which
// says what a chunk is and asks spaCy for the words of those that are not known here.

#include <algorithm>
#include <array>
#include <memory>
#include <unordered_map>
#include <utility>

#include "strings.h"

namespace cuvee {
namespace {

using View = std::string_view;

// What is known of a word: its part in finding sentences (two bits), and whether it is made of
// letters alone. The same numbers as in filters/lexicon.py.
constexpr uint8_t kRole = 3, kLetters = 4;
constexpr char kCodes[] = {'o', '.', ',', '|'};

constexpr uint64_t kNever = 0;

struct Word {
  int32_t chars;
  uint8_t kind;
  uint64_t text;  // the last text that it was in, and its number there
  int32_t number;
};

struct Piece {
  View text;
  uint8_t kind;
};

int32_t chars_of(View text) {
  return static_cast<int32_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) { return is_lower(c) || is_upper(c); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Bytes that whitespace may begin with.
constexpr auto kMayBeSpace = [] {
  std::array<bool, 256> table{};
  for (int byte = 9; byte <= 13; ++byte) table[byte] = true;
  for (int byte = 28; byte <= 32; ++byte) table[byte] = true;
  for (const int byte : {0xC2, 0xE1, 0xE2, 0xE3}) table[byte] = true;
  return table;
}();

// The bytes of the whitespace character at `at`, as Python's `str.split` knows it; 0 for another.
inline int space_at(const char* at, const char* end) {
  const auto byte = [&](int n) {
    return at + n < end ? static_cast<unsigned char>(at[n]) : 0u;
  };
  const unsigned first = static_cast<unsigned char>(*at);
  if (!kMayBeSpace[first]) return 0;
  if (first < 0x80) return 1;
  switch (first) {
    case 0xC2:
      return byte(1) == 0x85 || byte(1) == 0xA0 ? 2 : 0;
    case 0xE1:
      return byte(1) == 0x9A && byte(2) == 0x80 ? 3 : 0;
    case 0xE2:
      if (byte(1) == 0x80)
        return (byte(2) >= 0x80 && byte(2) <= 0x8A) || byte(2) == 0xA8 || byte(2) == 0xA9 ||
                       byte(2) == 0xAF
                   ? 3
                   : 0;
      return byte(1) == 0x81 && byte(2) == 0x9F ? 3 : 0;
    case 0xE3:
      return byte(1) == 0x80 && byte(2) == 0x80 ? 3 : 0;
    default:
      return 0;
  }
}

// Spaces between two words of a special case: see filters/straddle.py.
class Straddling {
 public:
  void add(View before, View after) {
    const uint16_t key = key_of(before.back(), after.front());
    some_[key >> 6] |= uint64_t{1} << (key & 63);
    pairs_[key].emplace_back(before, after);
  }

  // Whether the single space at `at` may be one, in a text of these bounds.
  bool at(const char* begin, const char* at, const char* end) const {
    if (at == begin || at + 1 == end) return false;
    const uint16_t key = key_of(at[-1], at[1]);
    if (!(some_[key >> 6] >> (key & 63) & 1)) return false;
    const View left(begin, at - begin), right(at + 1, end - at - 1);
    for (const auto& [before, after] : pairs_.at(key))
      if (ends_with(left, before) && right.substr(0, after.size()) == after) return true;
    return false;
  }

 private:
  static uint16_t key_of(char before, char after) {
    return static_cast<uint16_t>(static_cast<unsigned char>(before) << 8 |
                                 static_cast<unsigned char>(after));
  }
  static bool ends_with(View text, View end) {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
  }

  std::array<uint64_t, 1024> some_{};
  std::unordered_map<uint16_t, std::vector<std::pair<std::string, std::string>>> pairs_;
};

// Splits words framed by the commonest marks, as `_FRAMED` of filters/affixes.py does.
class Framed {
 public:
  Numbered specials, cores, changing, pairs, marks, units;
  std::vector<uint8_t> kinds;           // of the marks
  std::array<uint8_t, 2> stops{};  // kinds of one full stop, and of several
  bool is_on = false;

  // Fills `found`, unless spaCy itself must be asked.
  bool split(View chunk, std::vector<Piece>& found) const {
    found.clear();
    if (!is_on || chunk.empty()) return false;
    for (size_t at = 0;;) {  // a chunk may be some with single spaces between
      const size_t end = std::min(chunk.find(' ', at), chunk.size());
      if (!split_one(chunk.substr(at, end - at), found)) return false;
      if (end == chunk.size()) return is_settled(found);
      at = end + 1;
    }
  }

 private:
  bool split_one(View chunk, std::vector<Piece>& found) const {
    if (chunk.empty()) return false;
    if (std::all_of(chunk.begin(), chunk.end(), is_letter)) {
      found.push_back({chunk, kLetters});
      return !specials.has(chunk);
    }
    size_t at = 0;
    if (!take_marks(chunk, at, found, is_opening)) return false;
    const size_t begin = at;
    if (!take_core(chunk, at, found)) return false;
    if (cores.has(chunk.substr(begin, at - begin))) return false;
    return take_genitive(chunk, at, found) && take_marks(chunk, at, found, is_closing) &&
           take_stop(chunk, at, found) && take_marks(chunk, at, found, is_closing) &&
           at == chunk.size();
  }

  // The bytes of the mark at `at` of a chunk, or 0: those of `_FRAMED`.
  static int is_opening(View chunk, size_t at) { return any_of(chunk, at, "\"'([$#", "\x98\x9C\x94"); }
  static int is_closing(View chunk, size_t at) {
    return any_of(chunk, at, ",;:!?)]\"'", "\x99\x9D");
  }
  static int is_joint(View chunk, size_t at) { return any_of(chunk, at, "-/", "\x93\x94"); }

  // `others` are the last bytes of characters that begin with E2 80.
  static int any_of(View chunk, size_t at, View ascii, View others) {
    if (at >= chunk.size()) return 0;
    if (ascii.find(chunk[at]) != View::npos) return 1;
    const bool marked = chunk.substr(at, 2) == "\xE2\x80" && at + 2 < chunk.size();
    return marked && others.find(chunk[at + 2]) != View::npos ? 3 : 0;
  }

  bool take_mark(View chunk, size_t& at, size_t size, std::vector<Piece>& found) const {
    const View mark = chunk.substr(at, size);
    const int64_t number = marks.find(mark, hash_of(mark));
    if (number == Numbered::kNone) return false;
    found.push_back({mark, kinds[number]});
    at += size;
    return true;
  }

  bool take_marks(View chunk, size_t& at, std::vector<Piece>& found,
                  int (*is_mark)(View, size_t)) const {
    while (const int size = is_mark(chunk, at))
      if (!take_mark(chunk, at, size, found)) return false;
    return true;
  }

  bool take_core(View chunk, size_t& at, std::vector<Piece>& found) const {
    size_t behind = at;
    while (behind < chunk.size() && is_letter(chunk[behind])) ++behind;
    const bool number = behind < chunk.size() && is_digit(chunk[behind]);
    return number ? take_number(chunk, at, found) : take_letters(chunk, at, found);
  }

  // Letters and digits, with marks only between the first digits.
  bool take_number(View chunk, size_t& at, std::vector<Piece>& found) const {
    const size_t begin = at;
    const auto skip = [&](bool (*is)(char)) {
      while (at < chunk.size() && is(chunk[at])) ++at;
    };
    skip(is_letter);
    skip(is_digit);
    while (at + 1 < chunk.size() && View(".,:").find(chunk[at]) != View::npos &&
           is_digit(chunk[at + 1])) {
      ++at;
      skip(is_digit);
    }
    size_t unit = at;
    for (skip(is_letter); at < chunk.size() && is_digit(chunk[at]); skip(is_letter)) {
      skip(is_digit);
      unit = at;
    }
    found.push_back({chunk.substr(begin, at - begin), 0});
    return !units.has(chunk.substr(unit, at - unit));
  }

  // Two letters or more, or stretches of letters with joints between.
  bool take_letters(View chunk, size_t& at, std::vector<Piece>& found) const {
    for (size_t parts = 1;; ++parts) {
      const size_t begin = at;
      while (at < chunk.size() && is_letter(chunk[at])) ++at;
      if (at == begin) return false;
      found.push_back({chunk.substr(begin, at - begin), kLetters});
      const int joint = is_joint(chunk, at);
      if (!joint) return parts > 1 || at - begin > 1;
      if (!take_mark(chunk, at, joint, found)) return false;
    }
  }

  bool take_genitive(View chunk, size_t& at, std::vector<Piece>& found) const {
    const size_t mark = chunk.substr(at, 1) == "'" ? 1 : chunk.substr(at, 3) == "\xE2\x80\x99" ? 3 : 0;
    const bool is = mark && at + mark < chunk.size() && (chunk[at + mark] | 32) == 's';
    return !is || take_mark(chunk, at, mark + 1, found);
  }

  // A full stop that is not an initial's, or several, which are one word.
  bool take_stop(View chunk, size_t& at, std::vector<Piece>& found) const {
    const size_t begin = at;
    while (at < chunk.size() && chunk[at] == '.') ++at;
    if (at == begin) return true;
    const size_t number = at - begin > 1 ? 1 : 0;
    found.push_back({chunk.substr(begin, at - begin), stops[number]});
    return number == 1 || !is_upper(chunk[begin - 1]);
  }

  bool is_settled(const std::vector<Piece>& found) const {
    std::string pair;
    for (size_t n = 0; n < found.size(); ++n) {
      if (changing.has(found[n].text)) return false;
      if (n == 0) continue;
      pair.assign(found[n - 1].text).append("\n").append(found[n].text);
      if (pairs.has(pair)) return false;
    }
    return true;
  }
};

// Chunks that are known, with their words.
struct Memory {
  Numbered chunks, words;
  std::vector<std::pair<uint32_t, uint32_t>> parts;  // of a chunk: its first of `ids`, how many
  std::vector<uint32_t> ids;
  std::vector<Word> about;

  size_t bytes() const {
    return chunks.bytes() + words.bytes() + ids.size() * sizeof(uint32_t) +
           about.size() * sizeof(Word);
  }

  void begin(View chunk, uint64_t hash, size_t count) {
    chunks.add(chunk, hash);
    parts.emplace_back(ids.size(), count);
  }

  void put(View text, uint8_t kind) {
    const uint32_t number = words.number_of(text);
    if (number == about.size()) about.push_back({chars_of(text), kind, kNever, 0});
    ids.push_back(number);
  }
};

}  // namespace

class Lexicon {
 public:
  Straddling straddling;
  Framed framed;
  std::string output;
  std::vector<int64_t> unknown;  // begin and end of each chunk that is not known

  Lexicon(size_t most_chunks, size_t most_bytes)
      : most_chunks_(most_chunks), most_bytes_(most_bytes) {}

  void learn(View chunk, View words, const uint8_t* kinds, size_t count) {
    const uint64_t hash = hash_of(chunk);
    if (memory_->chunks.find(chunk, hash) != Numbered::kNone) return;
    memory_->begin(chunk, hash, count);
    for (size_t n = 0; n < count; ++n) {
      const size_t end = std::min(words.find('\n'), words.size());
      memory_->put(words.substr(0, end), kinds[n]);
      words.remove_prefix(std::min(end + 1, words.size()));
    }
  }

  // Finds the words of a text; false where there are `unknown` chunks.
  bool look_up(View text) {
    if (memory_->chunks.size() > most_chunks_ || memory_->bytes() > most_bytes_) {
      older_ = std::move(memory_);  // what comes again is taken from there
      memory_ = std::make_unique<Memory>();
    }
    found_.clear();
    unknown.clear();
    waiting_.clear();
    const char *begin = text.data(), *end = begin + text.size(), *at = begin;
    while (at < end) {
      if (const int size = space_at(at, end)) {
        at += size;
        continue;
      }
      const char* start = at;
      for (; at < end; ++at) {
        if (!space_at(at, end)) continue;
        if (*at != ' ' || at + 1 == end || space_at(at + 1, end) ||
            !straddling.at(begin, at, end))
          break;
      }
      waiting_.add(View(start, at - start), memory_->chunks);
      if (waiting_.full()) look_up_waiting(begin);
    }
    look_up_waiting(begin);
    return unknown.empty();
  }

  void write_codes() {
    output.clear();
    for (const uint32_t id : found_) output.push_back(kCodes[memory_->about[id].kind & kRole]);
  }

  // Writes three 64-bit counts: words, distinct words, bytes of the listing; then the number of
  // each word, and of the distinct ones how often they occur, their characters and kinds; then
  // the listing, which has a line break before, between and behind them.
  void write_words() {
    ++texts_;
    numbers_.clear();
    counts_.clear();
    distinct_.clear();
    for (const uint32_t id : found_) {
      Word& word = memory_->about[id];
      if (word.text != texts_) {
        word.text = texts_;
        word.number = static_cast<int32_t>(distinct_.size());
        distinct_.push_back(id);
        counts_.push_back(0);
      }
      ++counts_[word.number];
      numbers_.push_back(word.number);
    }
    output.assign(3 * sizeof(int64_t), 0);
    append(numbers_);
    append(counts_);
    counts_.clear();
    for (const uint32_t id : distinct_) counts_.push_back(memory_->about[id].chars);
    append(counts_);
    for (const uint32_t id : distinct_) output.push_back(memory_->about[id].kind);
    const size_t listing = output.size();
    output.push_back('\n');
    for (const uint32_t id : distinct_) output.append(memory_->words[id]).push_back('\n');
    const int64_t head[] = {static_cast<int64_t>(numbers_.size()),
                            static_cast<int64_t>(distinct_.size()),
                            static_cast<int64_t>(output.size() - listing)};
    std::memcpy(output.data(), head, sizeof(head));
  }

  size_t chunks() const { return memory_->chunks.size(); }

  // Whether `_telling_space` of filters/segment.py may be found in a text. Whatever is not ASCII
  // may be anything.
  static bool may_tell(View text) {
    const char *begin = text.data(), *end = begin + text.size();
    const auto is_word = [](char c) { return is_letter(c) || is_digit(c); };
    for (const char* at = begin; at < end; ++at) {
      if (!space_at(at, end)) continue;
      const char* space = at;
      while (at < end && space_at(at, end)) at += space_at(at, end);
      const bool single = at - space == 1 && *space == ' ';
      if (!single && space != begin && !is_word(space[-1])) {
        const char* next = at;
        for (int n = 0; n < 8 && next < end && is_plain_mark(*next); ++n) ++next;
        if (next == end || !is_word(*next)) return true;
      }
    }
    return false;
  }

 private:
  static bool is_plain_mark(char c) {
    return static_cast<unsigned char>(c) < 0x80 && !is_letter(c) && !is_digit(c) &&
           View("\n.!?").find(c) == View::npos;
  }

  void append(const std::vector<int32_t>& numbers) {
    output.append(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(int32_t));
  }

  void look_up_waiting(const char* begin) {
    waiting_.each(memory_->chunks, memory_->parts, [&](View chunk, uint64_t hash) {
      look_up_chunk(chunk, hash, chunk.data() - begin);
    });
  }

  void look_up_chunk(View chunk, uint64_t hash, size_t begin) {
    int64_t number = memory_->chunks.find(chunk, hash);
    if (number == Numbered::kNone) {
      if (!remember(chunk, hash)) {
        unknown.push_back(begin);
        unknown.push_back(begin + chunk.size());
        return;
      }
      number = memory_->chunks.size() - 1;
    }
    const auto [first, count] = memory_->parts[number];
    found_.insert(found_.end(), memory_->ids.begin() + first, memory_->ids.begin() + first + count);
  }

  // Makes a chunk known by what was known before, or by its form.
  bool remember(View chunk, uint64_t hash) {
    const int64_t number = older_ ? older_->chunks.find(chunk, hash) : Numbered::kNone;
    if (number != Numbered::kNone) {
      const auto [first, count] = older_->parts[number];
      memory_->begin(chunk, hash, count);
      for (uint32_t n = first; n < first + count; ++n) {
        const uint32_t id = older_->ids[n];
        memory_->put(older_->words[id], older_->about[id].kind);
      }
      return true;
    }
    if (!framed.split(chunk, pieces_)) return false;
    memory_->begin(chunk, hash, pieces_.size());
    for (const Piece& piece : pieces_) memory_->put(piece.text, piece.kind);
    return true;
  }

  const size_t most_chunks_, most_bytes_;
  Together waiting_;
  std::unique_ptr<Memory> memory_ = std::make_unique<Memory>(), older_;
  uint64_t texts_ = kNever;
  std::vector<uint32_t> found_, distinct_;
  std::vector<int32_t> numbers_, counts_;
  std::vector<Piece> pieces_;
};

}  // namespace cuvee

using cuvee::Lexicon;
using View = std::string_view;

extern "C" {

Lexicon* lexicon_new(int64_t most_chunks, int64_t most_bytes) {
  return new (std::nothrow) Lexicon(most_chunks, most_bytes);
}

void lexicon_free(Lexicon* lexicon) { delete lexicon; }

// Adds to a table of the rules: `s`pecial cases, `c`ores and `d` those that change of them,
// `p`airs (with a line break between), `u`nits, `m`arks with their kind, and `.` or `..`, which
// are `f`ull stops, with theirs.
int64_t lexicon_rule(Lexicon* lexicon, char table, const char* text, int64_t size, int64_t kind) {
  try {
    const View rule(text, size);
    auto& framed = lexicon->framed;
    switch (table) {
      case 's': framed.specials.number_of(rule); break;
      case 'c': framed.cores.number_of(rule); break;
      case 'd': framed.changing.number_of(rule); break;
      case 'u': framed.units.number_of(rule); break;
      case 'f': framed.stops[size > 1] = kind; break;
      case 'm':
        if (framed.marks.number_of(rule) == framed.kinds.size()) framed.kinds.push_back(kind);
        framed.is_on = true;
        break;
      case 'p': {
        framed.pairs.number_of(rule);
        const size_t middle = rule.find('\n');
        lexicon->straddling.add(rule.substr(0, middle), rule.substr(middle + 1));
        break;
      }
      default: return -1;
    }
    return 0;
  } catch (const std::exception&) {
    return -1;
  }
}

int64_t lexicon_learn(Lexicon* lexicon, const char* chunk, int64_t chunk_size, const char* words,
                      int64_t words_size, const uint8_t* kinds, int64_t count) {
  try {
    lexicon->learn(View(chunk, chunk_size), View(words, words_size), kinds, count);
    return 0;
  } catch (const std::exception&) {
    return -1;
  }
}

// Returns the bytes of `lexicon_output`, or -1 where chunks are unknown; -2 without memory.
int64_t lexicon_read(Lexicon* lexicon, const char* text, int64_t size, int64_t as_codes) {
  try {
    if (!lexicon->look_up(View(text, size))) return -1;
    as_codes ? lexicon->write_codes() : lexicon->write_words();
    return lexicon->output.size();
  } catch (const std::exception&) {
    return -2;
  }
}

int64_t lexicon_may_tell(const char* text, int64_t size) {
  return Lexicon::may_tell(View(text, size));
}

const char* lexicon_output(const Lexicon* lexicon) { return lexicon->output.data(); }

const int64_t* lexicon_unknown(const Lexicon* lexicon) { return lexicon->unknown.data(); }

int64_t lexicon_unknown_count(const Lexicon* lexicon) { return lexicon->unknown.size(); }

int64_t lexicon_chunks(const Lexicon* lexicon) { return lexicon->chunks(); }

}  // extern "C"
