module plimsoll/words

go 1.21
