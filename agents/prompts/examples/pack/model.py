# outputs: word = the two halves; wide = word with its sign bit repeated; middle = bits 4 and 3
class Model:
    def reset(self):
        pass

    def outputs(self, i):
        word = (i.lo << 4) | i.hi if i.swap else (i.hi << 4) | i.lo
        wide = word | 0xF00 if word & 0x80 else word
        return {"word": word, "wide": wide, "middle": (word >> 3) & 3}

    def tick(self, i):
        pass
