export default function ({parentElement}) {
  const button = parentElement.querySelector('button'), said = parentElement.querySelector('[role=status]');
  button.onclick = async () => {
    said.textContent = await copied(window.location.href)
      ? 'Copied' : 'This browser does not let pages copy: take the link from the address bar.';
  };
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {  // not over http from another machine
    const field = Object.assign(document.createElement('textarea'), {value: text});
    document.body.append(field);
    field.select();
    const done = document.execCommand('copy');
    field.remove();
    return done;
  }
}
