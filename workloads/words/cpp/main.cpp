// Counts the words of a text, as C++'s standard library has it done.
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

static std::uint32_t digested(std::uint32_t digest, std::string_view text) {
    for (unsigned char byte : text) {
        digest = (digest ^ byte) * 16777619;
    }
    return digest;
}

int main(int argc, char **argv) {
    std::cout << "words" << std::endl;
    std::ifstream file(argc > 1 ? argv[1] : "", std::ios::binary);
    if (!file) {
        std::cerr << "cannot read the text\n";
        return 1;
    }
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};

    std::unordered_map<std::string, std::uint32_t> counts;
    std::uint32_t total = 0;
    std::string word;
    const auto finish = [&] {
        if (!word.empty()) {
            ++counts[word];
            ++total;
            word.clear();
        }
    };
    for (char c : text) {
        if (c >= 'A' && c <= 'Z') {
            word += static_cast<char>(c - 'A' + 'a');
        } else if (c >= 'a' && c <= 'z') {
            word += c;
        } else {
            finish();
        }
    }
    finish();

    std::vector<std::pair<std::string, std::uint32_t>> words(counts.begin(), counts.end());
    std::sort(words.begin(), words.end());
    std::uint32_t digest = 2166136261;
    std::string longest;
    for (const auto &[letters, count] : words) {
        if (letters.size() > longest.size()) {
            longest = letters;
        }
        digest = digested(digested(digest, letters), " " + std::to_string(count) + "\n");
    }
    std::cout << total << " words, " << words.size() << " distinct, the longest is " << longest << "\n";
    std::sort(words.begin(), words.end(), [](const auto &a, const auto &b) {
        return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    for (std::size_t n = 0; n < words.size() && n < 10; ++n) {
        std::cout << words[n].first << " " << words[n].second << "\n";
    }
    std::cout << std::hex << std::setw(8) << std::setfill('0') << digest << "\n";
    return std::cout.flush() ? 0 : 1;
}
