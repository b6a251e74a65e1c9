# Counts the words of a text, as Python has it done.
import sys


def digested(digest, text):
    for byte in text.encode():
        digest = (digest ^ byte) * 16777619 & 0xFFFFFFFF
    return digest


print("words", flush=True)
with open(sys.argv[1], "rb") as file:
    text = file.read().decode().lower()

counts = {}
total = 0
for word in "".join(c if "a" <= c <= "z" else " " for c in text).split():
    counts[word] = counts.get(word, 0) + 1
    total += 1

digest = 2166136261
longest = ""
for word in sorted(counts):
    if len(word) > len(longest):
        longest = word
    digest = digested(digest, f"{word} {counts[word]}\n")
print(f"{total} words, {len(counts)} distinct, the longest is {longest}")
for word in sorted(counts, key=lambda word: (-counts[word], word))[:10]:
    print(word, counts[word])
print(f"{digest:08x}")
