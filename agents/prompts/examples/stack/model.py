# state: words and depth; depth is 0 after reset
# at each clock edge: push alone: store and count up; pop alone: count down
# outputs: from depth and the word below it
class Model:
    def reset(self):
        self.words = [0, 0, 0, 0]
        self.depth = 0

    def outputs(self, i):
        top = self.words[self.depth - 1] if self.depth > 0 else 0
        full = int(self.depth == 4)
        empty = int(self.depth == 0)
        return {"top": top, "depth": self.depth, "full": full, "empty": empty}

    def tick(self, i):
        if i.push and not i.pop and self.depth < 4:
            self.words[self.depth] = i.din
            self.depth += 1
        elif i.pop and not i.push and self.depth > 0:
            self.depth -= 1
